"""Which trials are stopped before their last epoch: a rung at every epoch, no Ray, no clock.

ASHA's stopping rule (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
MLSys) with the reduction factor 2 has rungs after `grace`, 2 `grace`, 4 `grace` … epochs and lets
the better half of those that reach a rung go on. So 1/2, 1/4, 1/8 … of all trials get past the
rungs: grace / (2 e) of them past the rung after e epochs. Here that share holds at every epoch,

    S(e) = grace / (2 e)    for e >= grace,

so that of the trials that get past one epoch (e - 1) / e get past the next. A trial goes on after
epoch e if it is among the best S(e) N + 1 of the N trials that had come to the grace by then, those
stopped on the way counting as worse. The one more is for small searches, whose early ranking says
little; in large ones it vanishes. (To take (e - 1) / e of those that reached an epoch, rung by
rung, stops far fewer: what was let through while little was known fills the lower places of all
later rungs, and rounding keeps everybody where few have come.)

The grace is 20 % of the epochs that a trial is allowed, rounded up; nothing is stopped before it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Decision", "Rungs", "grace_of"]

_GRACE_PERCENT = 20
"""Share of its allowed epochs that every trial gets."""

_REDUCTION = 2
"""One trial in so many goes on after the grace, as in ASHA."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a trial trains another epoch.

    Attributes:
        goes_on: False if it is to be stopped now.
        reason: Why it is stopped, in words; empty where it goes on.
    """

    goes_on: bool
    reason: str = ""


_GO_ON = Decision(goes_on=True)


def grace_of(allowed: int) -> int:
    """Returns the epochs a trial gets before it may be stopped, from 1 to `allowed`."""
    return -(-_GRACE_PERCENT * allowed // 100)


@dataclass
class _Rung:
    """Those that trained so many epochs.

    Attributes:
        scores: Their best scores until then, negated, ascending.
        cohort: How many trials had come to the grace when the latest of these came to it.
    """

    scores: array[float] = field(default_factory=lambda: array("d"))
    cohort: int = 0


@dataclass
class _Runner:
    """What a running trial needs: its place at the grace, from 1, and its best after each epoch."""

    place: int = 0
    best: dict[int, float] = field(default_factory=dict)


class Rungs:
    """The scores of all trials after each epoch, and who is good enough to go on.

    A decision costs a search by halving and an insertion into an array of plain numbers. Trials
    are compared with those that are allowed as many epochs.
    """

    def __init__(self) -> None:
        """Begins without knowledge: the first trial always goes on."""
        self._rungs: dict[tuple[int, int], _Rung] = {}  # by epochs allowed and trained
        self._arrived: dict[int, int] = {}  # trials that came to the grace, by epochs allowed
        self._running: dict[str, _Runner] = {}

    def decide(self, trial_id: str, epoch: int, allowed: int, score: float) -> Decision:
        """Notes a trial's score after an epoch and says whether it goes on.

        What is compared is the best score so far; equal scores share the better place. A trial that
        passes an epoch a second time, because its worker was lost, replaces what it had there.

        Args:
            trial_id: The trial.
            epoch: Epochs it has trained, from 1.
            allowed: The most it may train; after these it ends by itself and is never stopped.
            score: After this epoch; higher is better, NaN is the worst there is.

        Raises:
            ValueError: if the epoch is not between 1 and `allowed`, both included.
        """
        best = self._note(trial_id, epoch, allowed, score)
        if epoch < grace_of(allowed) or epoch == allowed:
            return _GO_ON
        rung = self._rungs[allowed, epoch]
        place = 1 + bisect_left(rung.scores, -best)
        most = _places(epoch, allowed, rung.cohort)
        if place <= most:
            return _GO_ON
        reason = f"{best:.4g} after epoch {epoch} is not among the best {most} of {rung.cohort}"
        return Decision(goes_on=False, reason=reason)

    def resume(self, trial_id: str, allowed: int, scores: Iterable[tuple[int, float]]) -> None:
        """Takes over the epochs that a trial trained in an earlier sitting; decides nothing.

        Args:
            trial_id: The trial.
            allowed: The most epochs it may train.
            scores: Its epochs, ascending, each with the score after it.
        """
        for epoch, score in scores:
            self._note(trial_id, epoch, allowed, score)

    def ended(self, trial_id: str) -> None:
        """Forgets what only a running trial needs; its scores stay for others to be compared to."""
        self._running.pop(trial_id, None)

    def _note(self, trial_id: str, epoch: int, allowed: int, score: float) -> float:
        """Notes a score and returns the best so far."""
        if not 1 <= epoch <= allowed:
            raise ValueError(f"an epoch is from 1 to the {allowed} allowed; received {epoch}")
        runner = self._running.setdefault(trial_id, _Runner())
        best = max(-math.inf if math.isnan(score) else score, runner.best.get(epoch - 1, -math.inf))
        before = runner.best.get(epoch)
        runner.best[epoch] = best
        if epoch >= grace_of(allowed):
            if not runner.place:
                self._arrived[allowed] = runner.place = self._arrived.get(allowed, 0) + 1
            rung = self._rungs.setdefault((allowed, epoch), _Rung())
            rung.cohort = max(rung.cohort, runner.place)
            if before is not None:
                rung.scores.pop(bisect_left(rung.scores, -before))
            insort(rung.scores, -best)
        return best


def _places(epoch: int, allowed: int, cohort: int) -> int:
    """How many of a cohort get past an epoch: S(e) N to the nearest whole number, and one more."""
    return 1 + (2 * grace_of(allowed) * cohort + _REDUCTION * epoch) // (2 * _REDUCTION * epoch)
