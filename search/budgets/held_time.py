"""How long workers have been held: what a cluster is paid for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

__all__ = ["HeldTime"]


class HeldTime:
    """Adds up the seconds that workers are held; several may be held at once.

    Told by the driver's threads, and asked by those that show how the search stands.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begins with nothing held.

        Args:
            clock: Returns seconds; only differences are used.
        """
        self._clock = clock
        self._ended = 0.0
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def holders(self) -> int:
        """Workers held now."""
        return len(self._since)

    @property
    def seconds(self) -> float:
        """Seconds of all workers together, those held now included."""
        with self._lock:
            now = self._clock()
            return self._ended + sum(now - since for since in self._since.values())

    def take_over(self, seconds: float) -> None:
        """Adds what an earlier sitting of the run held."""
        self._ended += seconds

    def hold(self, name: str) -> None:
        """A worker is held from now on, for what the name says; a second time changes nothing."""
        with self._lock:
            self._since.setdefault(name, self._clock())

    def release(self, name: str) -> float:
        """Lets a worker go; returns for how many seconds it was held, 0 if it was not."""
        with self._lock:
            since = self._since.pop(name, None)
            held = 0.0 if since is None else self._clock() - since
            self._ended += held
            return held

    @contextlib.contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Holds a worker for the length of the block."""
        self.hold(name)
        try:
            yield
        finally:
            self.release(name)
