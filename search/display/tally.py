"""Counts what a display is told, so that it can say at any moment how the search stands."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reports import Stage, Status, TrialRecord
from reports.ranking import Ranking
from reports.wording import printable
from search.budgets.budget import Budget
from search.display.protocol import QuietDisplay
from search.display.standing import EndedTrial, RunningTrial, Standing, model_name
from trainables import EpochRecord

__all__ = ["Tally"]

_ENDED_KEPT = 40
"""Ended trials remembered for the tables: more than a tall terminal shows."""


class Tally(QuietDisplay):
    """A display that only counts; those that show or write begin with it.

    Told by the driver's thread and asked by others, such as the one that redraws a terminal.
    """

    def __init__(
        self,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
        ranking: Ranking | None = None,
    ) -> None:
        """Begins at nothing.

        Args:
            budget: What may be spent.
            clock: Returns seconds; only differences are used.
            ranking: Says which trial is the best; None is by validation accuracy.
        """
        self._budget = budget
        self._ranking = ranking or Ranking()
        self._first: TrialRecord | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._stage = ("", "")
        self._running: dict[str, tuple[RunningTrial, float]] = {}
        self._attempts: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {status: Counter() for status in Status}
        self._ended: deque[EndedTrial] = deque(maxlen=_ENDED_KEPT)
        self._best: EndedTrial | None = None

    def stage(self, name: str, detail: str = "") -> None:
        """Remembers the stage."""
        with self._lock:
            self._stage = (name, detail)

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        """Counts trials of earlier sittings."""
        with self._lock:
            for record in records:
                self._count(record)

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Adds a running trial."""
        backbone = configuration.get("transfer/backbone")
        model = model_name(
            str(configuration["family"]), None if backbone is None else str(backbone)
        )
        with self._lock:
            self._attempts[trial_id] += 1
            trial = RunningTrial(
                trial_id=trial_id,
                model=model,
                note=printable(note),
                attempt=self._attempts[trial_id],
            )
            self._running[trial_id] = (trial, self._clock())

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """Moves a running trial on."""
        with self._lock:
            trial, began = self._running[trial_id]
            moved = replace(
                trial,
                epoch=epoch["epoch"],
                allowed=allowed,
                val_accuracy=max(trial.val_accuracy or 0.0, epoch["val_accuracy"]),
                where=where or trial.where,
            )
            self._running[trial_id] = (moved, began)

    def ended(self, record: TrialRecord) -> None:
        """Counts a trial that ended."""
        with self._lock:
            self._running.pop(record.trial_id, None)
            self._attempts.pop(record.trial_id, None)
            self._count(record)

    def so_far(self) -> tuple[int, EndedTrial | None]:
        """How many trials ended, and the best of them: what a line needs, at any scale."""
        with self._lock:
            return self._counts.total(), self._best

    def standing(self) -> Standing:
        """How the search stands now."""
        with self._lock:
            now = self._clock()
            return Standing(
                stage=self._stage[0],
                detail=self._stage[1],
                elapsed=self._budget.elapsed,
                counts={str(status): self._counts[status] for status in Status},
                running=tuple(
                    replace(trial, seconds=now - began) for trial, began in self._running.values()
                ),
                ended=tuple(self._ended),
                best=self._best,
                reasons={
                    str(status): dict(counted.most_common())
                    for status, counted in self._reasons.items()
                    if counted
                },
                budget=self._budget.amounts(self._counts.total()),
            )

    def _count(self, record: TrialRecord) -> None:
        ended = EndedTrial.of(record)
        if record.stage == Stage.SEARCH:
            self._counts[record.status] += 1
            self._reasons[record.status][printable(record.stop_reason or "not said")] += 1
        self._ended.append(ended)
        if self._is_better(record):
            self._first, self._best = record, ended

    def _is_better(self, record: TrialRecord) -> bool:
        """Whether a trial comes before the best so far."""
        if not self._ranking.takes_part(record):
            return False
        return self._first is None or self._ranking.key(record) < self._ranking.key(self._first)
