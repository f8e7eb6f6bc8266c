"""Since when this process has had nothing to train: what a worker loses between two trials."""

from __future__ import annotations

import time

__all__ = ["begin", "seconds"]

_since = time.perf_counter()


def begin() -> None:
    """From now on the process is idle: it has just become ready, or finished an epoch."""
    global _since  # noqa: PLW0603 - there is one process, and it trains one thing at a time
    _since = time.perf_counter()


def seconds() -> float:
    """How long the process has been idle."""
    return time.perf_counter() - _since
