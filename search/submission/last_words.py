"""What a driver on a cluster said last, as its user is to read it."""

from __future__ import annotations

from typing import Any

__all__ = ["last_words"]

_OURS = "neurosweep: "


def last_words(told: dict[str, Any]) -> str:
    """Returns the message of a driver that failed, else its last lines; empty if it did not fail.

    Args:
        told: What the head tells of a job.
    """
    lines = told["last_lines"].splitlines()
    ours = [number for number, line in enumerate(lines) if line.startswith(_OURS)]
    if ours:
        return "\n".join(lines[ours[-1] :]).removeprefix(_OURS)
    return "\n  ".join([told["message"], *lines]).strip()
