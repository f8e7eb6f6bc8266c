"""What is found in a cluster file: which rule, what was received, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "error", "warning"]

Level = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding in one file.

    Args:
        level: `error` for what does not work or is open to strangers, `warning` for what may be
            meant.
        rule: The short name of the rule, such as `image`.
        received: What stands in the file, with the place where it stands.
        advice: What to do about it.
    """

    level: Level
    rule: str
    received: str
    advice: str


def error(rule: str, received: str, advice: str) -> Finding:
    """A finding that has to be dealt with before the cluster is started."""
    return Finding(level="error", rule=rule, received=received, advice=advice)


def warning(rule: str, received: str, advice: str) -> Finding:
    """A finding that may be meant."""
    return Finding(level="warning", rule=rule, received=received, advice=advice)
