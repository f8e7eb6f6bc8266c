"""How many images went through each backbone, and how many had been through it before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.features.frozen import Frozen

__all__ = ["Passes"]


@dataclass
class _Count:
    computed: set[int] = field(default_factory=set)
    reused: set[int] = field(default_factory=set)
    seconds: float = 0.0


class Passes:
    """Counts forward passes: one is one image, or one changed copy of it, through one backbone."""

    def __init__(self) -> None:
        """Begins with none."""
        self._counts: dict[Frozen, _Count] = {}

    def found(self, frozen: Frozen, rows: NDArray[np.int64]) -> None:
        """Rows that are in the cache; those that were computed here do not count as found."""
        count = self._of(frozen)
        count.reused |= set(rows.tolist()) - count.computed

    def computed(self, frozen: Frozen, rows: NDArray[np.int64], seconds: float) -> None:
        """Rows that were computed and kept, and what they took."""
        count = self._of(frozen)
        count.computed |= set(rows.tolist())
        count.seconds += seconds

    def summary(self) -> dict[str, dict[str, Any]]:
        """Images by backbone, all its views and both preprocessings together.

        Returns:
            `computed` and `reused`, in images, and `seconds` of workers.
        """
        return {
            name: self._sum(name) for name in dict.fromkeys(one.backbone for one in self._counts)
        }

    def _sum(self, backbone: str) -> dict[str, Any]:
        counts = [count for one, count in self._counts.items() if one.backbone == backbone]
        return {
            "computed": _images(count.computed for count in counts),
            "reused": _images(count.reused for count in counts),
            "seconds": round(sum(count.seconds for count in counts), 3),
        }

    def _of(self, frozen: Frozen) -> _Count:
        return self._counts.setdefault(frozen, _Count())


def _images(rows: Iterable[set[int]]) -> int:
    return sum(len(one) for one in rows)
