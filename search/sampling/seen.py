"""Configurations that were handed out or learned, none of which is proposed again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import spaces

__all__ = ["Seen", "key_of"]


def key_of(configuration: Mapping[str, spaces.Value]) -> str:
    """A text that is the same for equal configurations alone."""
    return json.dumps(configuration, sort_keys=True, separators=(",", ":"))


class Seen:
    """The keys of known configurations, and the way to one that is not known."""

    def __init__(self, space: Any, *, seed: int) -> None:
        """Begins with none.

        Args:
            space: A space as `spaces.declare_space` returns it.
            seed: Order in which what is left of a space is gone through.
        """
        self._keys: set[str] = set()
        self._rest = spaces.configurations(space, seed=seed)
        self.used_up = False

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Notes a configuration."""
        self._keys.add(key)

    def unseen(self) -> dict[str, spaces.Value] | None:
        """A configuration that is not known; None, from then on, if there is no other.

        Goes through the space, each configuration once over all calls: one that is known now
        stays so.
        """
        for configuration in self._rest:
            if key_of(configuration) not in self._keys:
                return configuration
        self.used_up = True
        return None
