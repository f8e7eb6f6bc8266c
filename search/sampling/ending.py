"""How a trial ended, and how high that makes its configuration stand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from reports import Status

__all__ = ["Ending", "Standing", "Tier", "standing_of"]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one trial ended.

    Attributes:
        status: Completed, pruned or failed.
        values: One finite number per objective of a completed trial; of a pruned one its last
            reported score alone, if it reported any; else empty.
        violations: One finite number per constraint, above 0 where it is violated; may be empty.
        step: Epochs after which a pruned trial was stopped; 0 if it reported none.
        reason: Why a failed one failed, in words.
    """

    status: Status
    values: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    step: int = 0
    reason: str = ""

    @property
    def says_nothing(self) -> bool:
        """Whether it was ended before its first score, and not for a constraint."""
        broken = any(violation > 0 for violation in self.violations)
        return self.status == Status.PRUNED and self.step == 0 and not broken

    def checked(self, objectives: int) -> Ending:
        """This ending, or a failure that says which of its figures is NaN or infinite.

        Raises:
            ValueError: It is completed with another number of values than there are objectives.
        """
        if self.status == Status.COMPLETED and len(self.values) != objectives:
            raise ValueError(
                f"a completed trial has one value per objective, {objectives} here; "
                f"received {list(self.values)}"
            )
        for name, figures in (("value", self.values), ("violation", self.violations)):
            for place, figure in enumerate(figures, start=1):
                if not math.isfinite(figure):
                    reason = f"{name} {place} of {len(figures)} is {figure}"
                    return Ending(status=Status.FAILED, reason=reason)
        return self

    def stopped_at(self, scores: Mapping[int, float]) -> Ending:
        """This ending of a pruned trial that had reported scores, by epoch."""
        if not scores:
            return self
        step = max(scores)
        return replace(self, values=(scores[step],), step=step)


class Tier(IntEnum):
    """Kinds of endings from worst to best; within one, figures decide."""

    FAILED = 0
    INFEASIBLE = 1
    PRUNED = 2
    COMPLETED = 3


@dataclass(frozen=True, order=True)
class Standing:
    """Where a configuration stands among others: of two, the greater is the better.

    Attributes:
        tier: The kind of ending.
        merit: The value of a completed one, the epochs of a pruned one, minus the sum of the
            violations of an infeasible one; greater is better.
        score: The last score of a pruned one, greater is better; else 0.
        values: All objectives of a completed one, each greater the better. Where there are
            several, a `Ranking` orders by dominance, and not by `merit`.
    """

    tier: Tier
    merit: float = 0.0
    score: float = 0.0
    values: tuple[float, ...] = ()


def standing_of(endings: Sequence[Ending], signs: Sequence[int]) -> Standing:
    """The standing of a configuration that was trained once or more.

    Completed trainings count by their mean. Where there is none, the pruned one that went
    furthest counts, whatever its score: a score after few epochs never passes for one after many.

    Args:
        endings: One per training, at least one.
        signs: Per objective 1 where greater is better, -1 where smaller is.
    """
    completed = [ending for ending in endings if ending.status == Status.COMPLETED]
    pruned = [ending for ending in endings if ending.status == Status.PRUNED]
    counted = completed or pruned
    if not counted:
        return Standing(Tier.FAILED)
    violated = _mean_violation(counted)
    if violated > 0:
        return Standing(Tier.INFEASIBLE, -violated)
    if completed:
        means = np.mean([ending.values for ending in completed], axis=0)
        values = tuple(float(sign * mean) for sign, mean in zip(signs, means, strict=True))
        return Standing(Tier.COMPLETED, values[0], 0.0, values)
    return max(_pruned(ending, signs[0]) for ending in pruned)


def _mean_violation(endings: Sequence[Ending]) -> float:
    return float(np.mean([sum(v for v in ending.violations if v > 0) for ending in endings]))


def _pruned(ending: Ending, sign: int) -> Standing:
    score = sign * ending.values[0] if ending.values else -math.inf
    return Standing(Tier.PRUNED, float(ending.step), score)
