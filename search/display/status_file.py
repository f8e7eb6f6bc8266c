"""Writes how a search stands into the run directory, for `neurosweep status` in another shell."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

from neurosweep.errors import NeurosweepError
from reports import TrialRecord
from reports.ranking import Ranking
from search.budgets.budget import Budget
from search.display.standing import STATUS_FILE
from search.display.tally import Tally
from search.display.ticking import ticking
from search.runs.run_directory import RunDirectory
from trainables import EpochRecord

__all__ = ["StatusFile"]

_EVERY = 1.0  # seconds between writings, at least


class StatusFile(Tally, contextlib.AbstractContextManager["StatusFile"]):
    """Writes status.json: at each change of stage, else at most once in a second.

    It is a convenience: where it cannot be written the search goes on, until something that
    counts cannot be written either.
    """

    def __init__(self, run: RunDirectory, budget: Budget, ranking: Ranking | None = None) -> None:
        """Writes into `run` while the block runs."""
        super().__init__(budget, ranking=ranking)
        self._run = run
        self._changed = threading.Event()
        self._writing = threading.Lock()
        self._ticking = ticking(self.write_if_changed, seconds=_EVERY)

    def __enter__(self) -> Self:
        """Begins to write."""
        self.write()
        self._ticking.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticking.__exit__(None, None, None)
        self.write()

    def stage(self, name: str, detail: str = "") -> None:
        """Writes at once."""
        super().stage(name, detail)
        self.write()

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        """Writes within a second."""
        super().resumed(records)
        self._changed.set()

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Writes within a second."""
        super().started(trial_id, configuration, note)
        self._changed.set()

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """Writes within a second."""
        super().epoch(trial_id, epoch, allowed, where)
        self._changed.set()

    def ended(self, record: TrialRecord) -> None:
        """Writes within a second."""
        super().ended(record)
        self._changed.set()

    def write_if_changed(self) -> None:
        """Writes, if something was told since the last writing."""
        if self._changed.is_set():
            self.write()

    def write(self) -> None:
        """Writes how the search stands now."""
        with self._writing:
            self._changed.clear()
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            standing = replace(self.standing(), writer=os.getpid(), written=now)
            with contextlib.suppress(NeurosweepError):
                self._run.write_json(STATUS_FILE, standing.to_dict())
