"""Threads that drive workers, one each; what they say comes out in the caller's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["LOOK_EVERY", "Drivers"]

LOOK_EVERY = 1.0
"""Seconds between two looks: for a place, for a job that was given back, at who has no place."""

Said = TypeVar("Said")


class Drivers(Generic[Said]):
    """Threads of which each drives one worker until there is nothing left for it; run once."""

    def __init__(self, look: Callable[[], None]) -> None:
        """Starts none before `run`.

        Args:
            look: Called in the caller's thread each `LOOK_EVERY` seconds in which nobody says
                anything.
        """
        self._look = look
        self._said: queue.SimpleQueue[Said | BaseException | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    @property
    def are_closed(self) -> bool:
        """Whether nobody listens any more, and what a thread begins now is for nothing."""
        return self._closed.is_set()

    def say(self, said: Said) -> None:
        """Says something, from a thread; neither None nor an exception, which have a meaning."""
        self._said.put(said)

    def run(self, drives: Sequence[Callable[[], None]]) -> Iterator[Said]:
        """Runs each in a thread, and yields what they say until all have ended.

        Args:
            drives: What the threads do.

        Raises:
            BaseException: What a thread raised, the first of them.
        """
        # Daemons: a thread that hangs on a lost worker must not keep an interrupted run alive.
        threads = [threading.Thread(target=self._guard, args=(d,), daemon=True) for d in drives]
        for thread in threads:
            thread.start()
        try:
            yield from self._listen(len(threads))
        finally:
            self._closed.set()

    def _listen(self, driving: int) -> Iterator[Said]:
        while driving:
            try:
                said = self._said.get(timeout=LOOK_EVERY)
            except queue.Empty:
                self._look()
                continue
            if isinstance(said, BaseException):
                raise said
            if said is None:
                driving -= 1
            else:
                yield said

    def _guard(self, drive: Callable[[], None]) -> None:
        """Lets no error of a thread go unheard, and tells when the thread has ended."""
        try:
            drive()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._said.put(error)
        finally:
            self._said.put(None)
