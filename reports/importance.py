"""Which hyperparameters decided how well a family's trials did: Optuna's PED-ANOVA.

The method (Watanabe, Bansal and Hutter, IJCAI 2023, arXiv 2304.10255) compares where the best
trials lie with where all lie, one hyperparameter at a time. That suits a search that stops trials
early: such a trial is not among the best, and how good it would have become is not asked. It also
suits hyperparameters that exist in some trials only.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from reports.figures.thinning import evenly
from reports.figures.value_axis import ValueAxis
from reports.leaderboard import LeaderboardRow
from reports.records import Value
from reports.settings import Settings

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["LEAST_TRIALS", "MOST_TRIALS", "Importance", "importance_of"]

LEAST_TRIALS = 20
"""Below this many measured trials of a family, nothing is said about its hyperparameters."""

MOST_TRIALS = 1000
"""So many trials are looked at, an even choice of all, so that the time is bounded."""

_LEAST_BEST = 5  # trials that the method wants among the best
_FEW = 10  # different numbers that are taken as a choice


@dataclass(frozen=True)
class Importance:
    """What was found for one family.

    Attributes:
        shares: By hyperparameter, the most important first; they add up to 1.
        trials: How many trials were looked at, of `measured` in all.
        best: Which part of them counted as the best, above 0 and below 1.
    """

    shares: Mapping[str, float]
    trials: int
    measured: int
    best: float


def importance_of(settings: Settings) -> Importance | None:
    """Weigh the hyperparameters of a family.

    Returns:
        None where fewer than `LEAST_TRIALS` trials were measured, no hyperparameter varied among
        them, or most of them are as good as the best.
    """
    measured = [row for row in settings.rows if row.val_accuracy is not None]
    if len(measured) < LEAST_TRIALS or not settings.names:
        return None
    rows = evenly(measured, MOST_TRIALS)
    best = max(0.1, _LEAST_BEST / len(rows))
    if _is_level(rows, best):
        return None
    shares = _shares(rows, settings.names, best)
    return Importance(shares, len(rows), len(measured), best) if sum(shares.values()) > 0 else None


def _is_level(rows: Sequence[LeaderboardRow], best: float) -> bool:
    """Tell whether most trials reach what the best reach, who are then no part of their own."""
    scores = sorted((row.val_accuracy or 0.0 for row in rows), reverse=True)
    least = scores[max(1, ceil(best * len(scores))) - 1]
    return 2 * sum(score >= least for score in scores) > len(scores)


def _shares(rows: Sequence[LeaderboardRow], names: Sequence[str], best: float) -> dict[str, float]:
    import optuna

    with _quiet():
        study = optuna.create_study(direction="maximize")
    values = {
        name: [row.hyperparameters[name] for row in rows if name in row.hyperparameters]
        for name in names
    }
    known = {
        name: _distribution(own) for name, own in values.items() if len(set(map(repr, own))) > 1
    }
    study.add_trials([_trial(row, known) for row in rows])
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling that it made a study, which is none of the user's."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _distribution(values: Sequence[Value]) -> "BaseDistribution":
    """The space these values span: what was searched is not recorded with a trial.

    Few different numbers are taken as a choice. On a line, the method would also weigh the empty
    places between them, of which it sees the more the more trials it looks at.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    axis = ValueAxis.of(values)
    different = {str(value) for value in values}
    if axis.words or len(different) <= _FEW:
        return CategoricalDistribution(sorted(different))
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _trial(row: LeaderboardRow, known: Mapping[str, "BaseDistribution"]) -> "FrozenTrial":
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    own = {name: kind for name, kind in known.items() if name in row.hyperparameters}
    values = {
        name: str(row.hyperparameters[name])
        if isinstance(kind, CategoricalDistribution)
        else float(row.hyperparameters[name])
        for name, kind in own.items()
    }
    return create_trial(params=values, distributions=own, value=row.val_accuracy)
