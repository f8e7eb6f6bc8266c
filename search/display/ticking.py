"""Calls something again and again from a thread of its own while a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ticking"]


@contextmanager
def ticking(action: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Calls `action` every `seconds` until the block ends.

    An OSError ends the calls and nothing else: whatever cannot be written by then, the driver's
    own next write meets and reports.
    """
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            try:
                action()
            except OSError:
                return

    thread = threading.Thread(target=repeat, daemon=True, name="neurosweep-ticking")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
