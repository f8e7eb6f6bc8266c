"""The leaderboard: every trial as a row, the ranked ones first."""

from dataclasses import dataclass, fields
from math import inf
from typing import Any

from reports.cross_validation import CrossValidated
from reports.evaluation import Finalist
from reports.intervals import wilson_interval
from reports.records import Stage, Status, TrialRecord
from reports.run import Run

__all__ = ["LeaderboardRow", "build_leaderboard"]

# A screened backbone saw only a probe on frozen features: its figure is no rival to a trial's.
_RANKED_STAGES = frozenset({Stage.SEARCH, Stage.FINE_TUNE, Stage.ENSEMBLE})
_TEST_FIGURES = (
    "test_accuracy",
    "test_accuracy_clean",
    "missed_positives",
    "missed_positives_clean",
    "latency_ms",
)
_ORDER_OF_STATUS = {Status.COMPLETED: 0, Status.PRUNED: 1, Status.FAILED: 2}


@dataclass(frozen=True, kw_only=True)
class LeaderboardRow(TrialRecord):
    """A trial's record and where it stands; None where something was not measured.

    Attributes:
        rank: From 1, without gaps; None for trials that take no part.
        tie_group: Rows that cannot be told apart statistically share one; None: not compared.
        val_accuracy_low: Lower bound of Wilson's 95 % interval; `val_accuracy_high` the upper.
        test_accuracy: Of finalists, on all test images; `test_accuracy_clean` on those without
            an exact or near twin in training or validation.
        missed_positives: Positives that were called the negative class, on all test images;
            `missed_positives_clean` on the clean ones.
        latency_ms: Milliseconds for one image.
        cv_accuracy: Mean accuracy over the folds of cross-validation; it took no part in ranking.
        cv_accuracy_sd: Their sample standard deviation; None with fewer than two folds.
        cv_folds: Folds that finished.
    """

    rank: int | None = None
    tie_group: int | None = None
    val_accuracy_low: float | None = None
    val_accuracy_high: float | None = None
    test_accuracy: float | None = None
    test_accuracy_clean: float | None = None
    missed_positives: int | None = None
    missed_positives_clean: int | None = None
    latency_ms: float | None = None
    cv_accuracy: float | None = None
    cv_accuracy_sd: float | None = None
    cv_folds: int | None = None


def build_leaderboard(run: Run) -> list[LeaderboardRow]:
    """Rank a run's trials: by validation accuracy, then by validation loss.

    Ranked are completed search trials, the fine-tuned winner and the ensemble. All other trials
    follow without a rank, those that got furthest first.
    """
    ranked = sorted(filter(_takes_part, run.records), key=_best_first)
    others = sorted((one for one in run.records if not _takes_part(one)), key=_furthest_first)
    return [
        *(_row(record, run, rank) for rank, record in enumerate(ranked, start=1)),
        *(_row(record, run, None) for record in others),
    ]


def _takes_part(record: TrialRecord) -> bool:
    return (
        record.stage in _RANKED_STAGES
        and record.status is Status.COMPLETED
        and record.val_accuracy is not None
    )


def _best_first(record: TrialRecord) -> tuple[float, float, str]:
    # The id settles what accuracy and loss leave open, so that a rank names one row for good.
    accuracy = -inf if record.val_accuracy is None else record.val_accuracy
    loss = inf if record.val_loss is None else record.val_loss
    return -accuracy, loss, record.trial_id


def _furthest_first(record: TrialRecord) -> tuple[int, float, float, str]:
    return (_ORDER_OF_STATUS[record.status], *_best_first(record))


def _row(record: TrialRecord, run: Run, rank: int | None) -> LeaderboardRow:
    known = {field.name: getattr(record, field.name) for field in fields(TrialRecord)}
    finalist = run.evaluation.of(record.trial_id) if run.evaluation else None
    folded = run.cross_validation.of(record.trial_id) if run.cross_validation else None
    return LeaderboardRow(
        **known,
        rank=rank,
        **_interval(record, run.validation_images),
        **_test_figures(finalist),
        **_fold_figures(folded),
    )


def _interval(record: TrialRecord, images: int | None) -> dict[str, Any]:
    if record.val_accuracy is None or images is None:
        return {}
    low, high = wilson_interval(record.val_accuracy, images)
    return {"val_accuracy_low": low, "val_accuracy_high": high}


def _test_figures(finalist: Finalist | None) -> dict[str, Any]:
    return {name: getattr(finalist, name) for name in _TEST_FIGURES} if finalist else {}


def _fold_figures(folded: CrossValidated | None) -> dict[str, Any]:
    if folded is None:
        return {}
    return {
        "cv_accuracy": folded.mean,
        "cv_accuracy_sd": folded.deviation,
        "cv_folds": len(folded.accuracies),
    }
