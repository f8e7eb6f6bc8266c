"""A thread that does one thing again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Repeater"]


class Repeater:
    """Calls an action every so many seconds until it is closed."""

    def __init__(
        self, name: str, seconds: float, action: Callable[[], None], *, rest: float = 0.0
    ) -> None:
        """Starts.

        Args:
            name: The thread's name.
            seconds: Between two calls, and before the first.
            action: What is done; it must not raise.
            rest: Rest at least this many times as long as the last call took.
        """
        self._seconds = seconds
        self._rest = rest
        self._action = action
        self._closed = threading.Event()
        # A daemon: a call that hangs on a lost store must not keep the process alive.
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)
        self._thread.start()

    def _repeat(self) -> None:
        pause = self._seconds
        while not self._closed.wait(pause):
            began = time.monotonic()
            self._action()
            pause = max(self._seconds, self._rest * (time.monotonic() - began))

    def close(self, patience: float = 60.0) -> None:
        """Calls it no more; waits for a call under way, at most `patience` seconds."""
        self._closed.set()
        self._thread.join(patience)
