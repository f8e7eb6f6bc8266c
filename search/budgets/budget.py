"""What a run may spend, and what is left: trials, wall-clock time, hours of workers and of GPUs.

Each budget covers the whole run. A share of it is kept back for the stages after the search, so
that a winner is still fine-tuned, tested and reported inside the budget. Cross-validation, where
it is asked for, has a share of its own, which grows with the number of folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from search.budgets.held_time import HeldTime

__all__ = ["Amount", "Budget", "Limit"]

_RESERVED_SHARE = 0.12
"""Share of a budget kept for fine-tuning (two thirds of it), evaluation and reports."""

_LEAST_RESERVE = 20.0  # seconds: loading TensorFlow, one evaluation and the report

_SHARE_PER_FOLD = 0.05
"""Share of a budget kept for cross-validation for each fold: each costs one training of every
finalist, so the share grows with them. Ours; five folds get a quarter."""

_LARGEST_FOLDS_SHARE = 0.4  # a search that is left with less has no finalists worth the folds


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One budget as it stands now.

    Attributes:
        name: `time_budget`, `worker_hours` or `gpu_hours`.
        total: Seconds in all.
        used: Seconds used so far.
        rate: How many of them a second of wall-clock time uses up.
    """

    name: str
    total: float
    used: float
    rate: float

    def seconds_left(self, kept: float) -> float:
        """Wall-clock seconds until only `kept` of its seconds are left, at least 0."""
        return max(0.0, self.total - kept - self.used) / self.rate


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much of one limit is used.

    Attributes:
        unit: What it is counted in.
        asked: The limit.
        used: What was spent so far.
        reserved: What of the rest is kept back for the stages after the search.
    """

    unit: Literal["trials", "seconds", "hours"]
    asked: float
    used: float
    reserved: float = 0.0

    @property
    def left(self) -> float:
        """What the search may still spend, at least 0."""
        return max(0.0, self.asked - self.used - self.reserved)


class Budget:
    """Counts down from the moment it is made; the clock is passed in.

    Attributes:
        trials: Trials with a final state to reach, or None for no limit.
        seconds: Wall-clock time for the whole run, or None for no limit.
        held: The time that workers are held; whoever holds one says so here.
    """

    def __init__(
        self,
        *,
        trials: int | None,
        seconds: float | None,
        worker_hours: float | None = None,
        gpu_hours: float | None = None,
        folds: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the count.

        Args:
            trials: Trials with a final state to reach, or None for no limit.
            seconds: Wall-clock time for the whole run, or None for no limit.
            worker_hours: Hours that workers may be held, or None for no limit.
            gpu_hours: The same for the GPUs that they have, or None for no limit.
            folds: Folds of the cross-validation after the search; None for none.
            clock: Returns seconds; only differences are used.
        """
        self.trials = trials
        self.seconds = seconds
        self.held = HeldTime(clock)
        self._worker_hours = worker_hours
        self._gpu_hours = gpu_hours
        self._gpus_each = 0.0
        self._folds = folds or 0
        self._stopped = False
        self._clock = clock
        self._start = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._start

    @property
    def stopped(self) -> bool:
        """Whether somebody asked the search to end before its budget does."""
        return self._stopped

    @property
    def reserve(self) -> float:
        """Seconds kept back for the stages after the search; 0 without a time budget."""
        return 0.0 if self.seconds is None else self._kept_for_finals(self.seconds)

    def workers_have(self, gpus: float) -> None:
        """Says how many GPUs each worker holds, as soon as that is known."""
        self._gpus_each = gpus

    def stop(self) -> None:
        """Ends the search as if its budget were used up; the stages after it have theirs."""
        self._stopped = True

    def limits(self) -> Iterator[Limit]:
        """Every budget but that of trials, as it stands now."""
        if self.seconds is not None:
            yield Limit(name="time_budget", total=self.seconds, used=self.elapsed, rate=1.0)
        held, holders = self.held.seconds, max(1, self.held.holders)
        if self._worker_hours is not None:
            total = 3600 * self._worker_hours
            yield Limit(name="worker_hours", total=total, used=held, rate=holders)
        if self._gpu_hours is not None and self._gpus_each > 0:
            each, total = self._gpus_each, 3600 * self._gpu_hours
            yield Limit(name="gpu_hours", total=total, used=held * each, rate=holders * each)

    def search_seconds_left(self) -> float | None:
        """Seconds until the search stage must end, at least 0; None without such a budget."""
        return 0.0 if self._stopped else self._left(self._kept_for_finals)

    def search_seconds_to_last(self) -> float | None:
        """Seconds until trials are broken off in mid-epoch, at least 0; None without such a budget.

        An epoch that is longer than its trial's last ones, or a first one, may take a third of what
        is kept for the stages after the search; not more.
        """
        return self._left(lambda total: _fixed_reserve(total) * 2 / 3 + self._folds_reserve(total))

    def fine_tune_seconds_left(self) -> float | None:
        """Seconds until fine-tuning must end, at least 0; None without such a budget."""
        return self._left(lambda total: _fixed_reserve(total) / 3 + self._folds_reserve(total))

    def cross_validate_seconds_left(self) -> float | None:
        """Seconds until cross-validation must end, at least 0; None without such a budget."""
        return self._left(lambda total: _fixed_reserve(total) / 3)

    def trials_left(self, started: int) -> int | None:
        """Trials that may still be started when `started` have been; None without a limit."""
        return None if self.trials is None else max(0, self.trials - started)

    def allows_another_trial(self, started: int, *, needs: float = 0.0) -> bool:
        """Whether one more trial may start.

        Args:
            started: Trials that were started already.
            needs: Seconds without which it would come to nothing.
        """
        seconds = self.search_seconds_left()
        return self.trials_left(started) != 0 and (seconds is None or seconds > needs)

    def amounts(self, ended: int) -> dict[str, Amount]:
        """Returns each limit that is set by its name, with what `ended` trials have used of it."""
        amounts: dict[str, Amount] = {}
        if self.trials is not None:
            amounts["trials"] = Amount(unit="trials", asked=self.trials, used=ended)
        for limit in self.limits():
            in_time = limit.name == "time_budget"
            per = 1.0 if in_time else 3600.0
            amounts["time" if in_time else limit.name] = Amount(
                unit="seconds" if in_time else "hours",
                asked=limit.total / per,
                used=limit.used / per,
                reserved=self._kept_for_finals(limit.total) / per,
            )
        return amounts

    def _left(self, kept: Callable[[float], float]) -> float | None:
        """Seconds until the first budget is down to what it keeps for later stages."""
        return min((one.seconds_left(kept(one.total)) for one in self.limits()), default=None)

    def _kept_for_finals(self, total: float) -> float:
        return _fixed_reserve(total) + self._folds_reserve(total)

    def _folds_reserve(self, total: float) -> float:
        """Seconds of cross-validation: never more than are left to the search."""
        share = min(_LARGEST_FOLDS_SHARE, _SHARE_PER_FOLD * self._folds)
        return min(share * total, (total - _fixed_reserve(total)) / 2)


def _fixed_reserve(total: float) -> float:
    """Seconds of fine-tuning (two thirds of them), evaluation and reports."""
    return min(total / 2, max(_LEAST_RESERVE, _RESERVED_SHARE * total))
