"""What a run may spend, and what is left: trials and wall-clock time.

The time budget covers the whole run. A share of it is kept back for the stages after the search,
so that a winner is still fine-tuned, tested and reported inside the budget. Cross-validation, where
it is asked for, has a share of its own, which grows with the number of folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Budget"]

_RESERVED_SHARE = 0.12
"""Share of the time budget kept for fine-tuning (two thirds of it), evaluation and reports."""

_LEAST_RESERVE = 20.0  # seconds: loading TensorFlow, one evaluation and the report

_SHARE_PER_FOLD = 0.05
"""Share of the time budget kept for cross-validation for each fold: each costs one training of
every finalist, so the share grows with them. Ours; five folds get a quarter."""

_LARGEST_FOLDS_SHARE = 0.4  # a search that is left with less has no finalists worth the folds


class Budget:
    """Counts down from the moment it is made; the clock is passed in."""

    def __init__(
        self,
        *,
        trials: int | None,
        seconds: float | None,
        folds: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the count.

        Args:
            trials: Trials with a final state to reach, or None for no limit.
            seconds: Wall-clock time for the whole run, or None for no limit.
            folds: Folds of the cross-validation after the search; None for none.
            clock: Returns seconds; only differences are used.
        """
        self.trials = trials
        self.seconds = seconds
        self._folds = folds or 0
        self._clock = clock
        self._start = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._start

    @property
    def reserve(self) -> float:
        """Seconds kept back for the stages after the search; 0 without a time budget."""
        return self._fixed_reserve + self._folds_reserve

    @property
    def _fixed_reserve(self) -> float:
        """Seconds of fine-tuning (two thirds of them), evaluation and reports."""
        if self.seconds is None:
            return 0.0
        return min(self.seconds / 2, max(_LEAST_RESERVE, _RESERVED_SHARE * self.seconds))

    @property
    def _folds_reserve(self) -> float:
        """Seconds of cross-validation: never more than are left to the search."""
        if self.seconds is None:
            return 0.0
        share = min(_LARGEST_FOLDS_SHARE, _SHARE_PER_FOLD * self._folds)
        return min(share * self.seconds, (self.seconds - self._fixed_reserve) / 2)

    def search_seconds_left(self) -> float | None:
        """Seconds until the search stage must end, at least 0; None without a time budget."""
        return self._left(self.reserve)

    def fine_tune_seconds_left(self) -> float | None:
        """Seconds until fine-tuning must end, at least 0; None without a time budget."""
        return self._left(self._fixed_reserve / 3 + self._folds_reserve)

    def cross_validate_seconds_left(self) -> float | None:
        """Seconds until cross-validation must end, at least 0; None without a time budget."""
        return self._left(self._fixed_reserve / 3)

    def _left(self, kept: float) -> float | None:
        """Seconds until only `kept` seconds are left, at least 0."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - kept - self.elapsed)

    def trials_left(self, started: int) -> int | None:
        """Trials that may still be started when `started` have been; None without a limit."""
        return None if self.trials is None else max(0, self.trials - started)

    def allows_another_trial(self, started: int) -> bool:
        """Whether one more trial may start."""
        seconds = self.search_seconds_left()
        return self.trials_left(started) != 0 and (seconds is None or seconds > 0)
