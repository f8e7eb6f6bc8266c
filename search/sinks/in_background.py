"""Keeps a sink from ever holding up a search, or ending it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Self

from reports import TrialRecord
from search.display.protocol import QuietDisplay
from search.sinks.protocol import Sink
from trainables import EpochRecord

__all__ = ["BackgroundSink"]

_MOST_WAITING = 10_000
"""Changes that may wait for a slow sink; what comes on top is left out of it."""

_CLOSING_LIMIT = 30.0  # seconds that the end of a run waits for a sink

_Change = Callable[[Sink], None]


class BackgroundSink(QuietDisplay):
    """A display that passes trials on to a sink, from a thread of its own.

    A server may be slow or gone, a disk full: the first failure is noted in the driver's thread,
    what follows is tried all the same, and the end says how much was left out.
    """

    def __init__(
        self, name: str, open_sink: Callable[[], Sink], note: Callable[[str], None]
    ) -> None:
        """Opens nothing yet.

        Args:
            name: The sink's name in notes.
            open_sink: Makes the sink; called in the thread, since it may import much.
            note: Takes what a person should know.
        """
        self._name = name
        self._open_sink = open_sink
        self._note = note
        self._changes: SimpleQueue[_Change | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True, name=f"sink-{name}")
        self._failure: str | None = None
        self._noted = False
        self._refused = 0  # counted by the driver's thread; those that failed by the sink's
        self._failed_changes = 0

    def __enter__(self) -> Self:
        """Starts the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Waits a while for what is under way, and says what was left out."""
        self._changes.put(None)
        self._thread.join(_CLOSING_LIMIT)
        left_out = self._refused + self._failed_changes
        if self._thread.is_alive():
            left_out += self._changes.qsize()  # the last one is no change, but one is under way
            self._failure = self._failure or f"it did not answer for {_CLOSING_LIMIT:g} seconds"
        self._note_failure()
        if left_out:
            self._note(f"{left_out} changes of trials are missing in {self._name}")

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Passes it on; the note is for people."""
        del note
        self._put(lambda sink: sink.started(trial_id, configuration))

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """Passes its figures on."""
        del allowed, where
        self._put(lambda sink: sink.epoch(trial_id, epoch))

    def ended(self, record: TrialRecord) -> None:
        """Passes it on."""
        self._put(lambda sink: sink.ended(record))

    def _put(self, change: _Change) -> None:
        self._note_failure()
        if self._thread.is_alive() and self._changes.qsize() < _MOST_WAITING:
            self._changes.put(change)
        else:
            self._refused += 1

    def _note_failure(self) -> None:
        if self._failure is not None and not self._noted:
            self._noted = True
            self._note(f"{self._name} could not be written, the search goes on: {self._failure}")

    def _work(self) -> None:
        sink = None
        try:
            sink = self._open_sink()
        except Exception as error:  # noqa: BLE001 - a sink's failure is noted and ends no search
            self._failed(error)
        while (change := self._changes.get()) is not None:
            self._try(change, sink)
        if sink is not None:
            self._try(lambda opened: opened.close(), sink)

    def _try(self, change: _Change, sink: Sink | None) -> None:
        if sink is None:
            self._failed_changes += 1
            return
        try:
            change(sink)
        except Exception as error:  # noqa: BLE001 - a sink's failure is noted and ends no search
            self._failed_changes += 1
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        lines = str(error).splitlines() or [""]
        self._failure = self._failure or f"{type(error).__name__}: {lines[0]}"
