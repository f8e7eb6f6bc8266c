"""Who stands before whom: the one order of the leaderboard, of finalists and of the winner."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, stdev
from typing import Any

from reports.pareto import front
from reports.records import Stage, Status, TrialRecord

__all__ = ["OBJECTIVES", "Ranking", "Repeats", "front_of", "repeats_of"]

# A screened backbone saw only a probe on frozen features: its figure is no rival to a trial's.
_RANKED_STAGES = frozenset({Stage.SEARCH, Stage.FINE_TUNE, Stage.ENSEMBLE})

# The figure of a record that an objective means; the others bear the objective's own name.
_FIELDS = {"missed_positives": "val_missed_positives"}
OBJECTIVES = frozenset({"val_accuracy", "val_loss", "missed_positives", "latency_ms", "parameters"})
"""What a search may aim at."""

_MORE_IS_BETTER = frozenset({"val_accuracy"})


@dataclass(frozen=True)
class Ranking:
    """The order of completed trials that keep to all constraints.

    Attributes:
        objectives: As the experiment names them. Ranked is by the first of them that is a
            validation score, ties by the other score; with none, by accuracy, then loss.
    """

    objectives: tuple[str, ...] = ("val_accuracy",)

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "Ranking":
        """The ranking of a run, from what its run.yaml says."""
        told = info.get("experiment", {}).get("search", {}).get("objective", "val_accuracy")
        return cls((told,) if isinstance(told, str) else tuple(told))

    @property
    def score(self) -> str:
        """What is ranked by, in words."""
        return "validation loss" if self.by_loss else "validation accuracy"

    @property
    def by_loss(self) -> bool:
        """Whether it is ranked by validation loss, ties by accuracy."""
        scores = (name for name in self.objectives if name in ("val_accuracy", "val_loss"))
        return next(scores, "val_accuracy") == "val_loss"

    def takes_part(self, record: TrialRecord) -> bool:
        """Whether a trial is ranked at all."""
        return (
            record.stage in _RANKED_STAGES
            and record.status is Status.COMPLETED
            and record.val_accuracy is not None
            and record.feasible is not False
        )

    def key(self, record: TrialRecord) -> tuple[float, float, str]:
        """Sorts best first; the id settles what the scores leave open, for good."""
        accuracy = inf if record.val_accuracy is None else -record.val_accuracy
        loss = inf if record.val_loss is None else record.val_loss
        if self.by_loss:
            return loss, accuracy, record.trial_id
        return accuracy, loss, record.trial_id

    def ranked(self, records: Iterable[TrialRecord]) -> list[TrialRecord]:
        """Those that take part, best first."""
        return sorted(filter(self.takes_part, records), key=self.key)


def front_of(records: Sequence[TrialRecord], objectives: Sequence[str]) -> frozenset[str]:
    """The trials that no other beats in one objective without being worse in another.

    Args:
        records: Those that are ranked; one that lacks a figure is left out.
        objectives: Their names, as the experiment has them.

    Returns:
        The ids of the Pareto front; equal trials all belong to it.
    """
    costs = {record.trial_id: _costs(record, objectives) for record in records}
    known = [(name, cost) for name, cost in costs.items() if cost is not None]
    return frozenset(known[at][0] for at in front([cost for _, cost in known]))


@dataclass(frozen=True)
class Repeats:
    """One configuration trained with several seeds.

    Attributes:
        count: Trainings of it that completed.
        mean: Their mean validation accuracy; `deviation` the sample standard deviation, None of
            a single one.
    """

    count: int
    mean: float
    deviation: float | None

    @classmethod
    def over(cls, scores: Sequence[float]) -> "Repeats":
        """Those of some trainings, at least one, by their validation accuracies."""
        return cls(len(scores), fmean(scores), stdev(scores) if len(scores) > 1 else None)


def repeats_of(records: Iterable[TrialRecord]) -> dict[str, Repeats]:
    """By trial, what its configuration came to over all seeds, where it was repeated at all."""
    records = [record for record in records if record.stage is Stage.SEARCH]
    first = {record.trial_id: _first(record) for record in records}
    sizes = Counter(first.values())
    scores: dict[str, list[float]] = {}
    for record in records:
        if record.status is Status.COMPLETED and record.val_accuracy is not None:
            scores.setdefault(first[record.trial_id], []).append(record.val_accuracy)
    spread = {name: Repeats.over(each) for name, each in scores.items() if sizes[name] > 1}
    return {name: spread[head] for name, head in first.items() if head in spread}


def _first(record: TrialRecord) -> str:
    return record.parent_id or record.trial_id


def _costs(record: TrialRecord, objectives: Sequence[str]) -> tuple[float, ...] | None:
    """A trial's objectives, turned so that lower is better; None if one was not measured."""
    costs = []
    for name in objectives:
        value = getattr(record, _FIELDS.get(name, name))
        if value is None:
            return None
        costs.append(-value if name in _MORE_IS_BETTER else value)
    return tuple(costs)
