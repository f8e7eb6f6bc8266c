"""Calls something again and again from a thread of its own while a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neurosweep.errors import NeurosweepError

__all__ = ["ticking"]


@contextmanager
def ticking(action: Callable[[], object], *, seconds: float) -> Iterator[None]:
    """Calls `action` every `seconds` until the block ends.

    What cannot be written ends the calls and nothing else: the driver's own next write meets it,
    and reports it.
    """
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            try:
                action()
            except (OSError, NeurosweepError):
                return

    thread = threading.Thread(target=repeat, daemon=True, name="neurosweep-ticking")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
