"""The leaderboard: every trial as a row, the ranked ones first."""

from dataclasses import dataclass, fields
from typing import Any

from reports.cross_validation import CrossValidated
from reports.derived_figures import DerivedFigures
from reports.evaluation import Finalist
from reports.intervals import wilson_interval
from reports.ranking import Ranking, Repeats, front_of, repeats_of
from reports.records import Stage, Status, TrialRecord
from reports.run import Run

__all__ = ["LeaderboardRow", "build_leaderboard"]

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
        tie_group: From 1; holds the rows that are not significantly worse than its first one, see
            `reports.statistics.tie_groups`; None for rows that were not compared.
        val_accuracy_low: Lower bound of Wilson's 95 % interval; `val_accuracy_high` the upper.
        val_accuracy_corrected: Of the best single network alone, which is rank 1 or stands behind
            an ensemble: its accuracy corrected for the choice, see `reports.statistics.choice`;
            its 95 % interval in `val_accuracy_corrected_low` and `val_accuracy_corrected_high`.
        test_accuracy: Of finalists, on all test images; `test_accuracy_clean` on those without
            an exact or near twin in training or validation.
        missed_positives: Positives that were called the negative class, on all test images;
            `missed_positives_clean` on the clean ones.
        cv_accuracy: Mean accuracy over the folds of cross-validation; it took no part in ranking.
        cv_accuracy_sd: Their sample standard deviation; None with fewer than two folds.
        cv_folds: Folds that finished.
        pareto: With several objectives, whether no other trial beats it in one of them without
            being worse in another; None with a single one.
        repeats: Trainings of its configuration that completed, each with another seed, where it
            was repeated: trials of their own, or, of a finalist, itself and its further trainings.
        val_accuracy_mean: Their mean validation accuracy.
        val_accuracy_sd: Their sample standard deviation; None of a single one.
        worker_hours: `held_seconds` in hours.
        val_missed_share: Share of the validation part's positives that were missed, with the
            bounds of Wilson's interval, `val_missed_low` and `val_missed_high`.
        missed_positives_share: The same on all test images; bounds are `missed_positives_low`
            and `missed_positives_high`.
        test_accuracy_low: Lower bound of Wilson's interval, `test_accuracy_high` the upper;
            `test_accuracy_clean_low` and `test_accuracy_clean_high` on the clean images.
        test_macro_f1: Mean of the classes' F1 on all test images; `_clean` on the clean ones.
        test_roc_auc: Mean area under the classes' ROC curves; `_clean` on the clean ones.
        test_classes: By class `precision`, `recall`, `f1` and `support`, on all test images.
        test_calibration_error: Expected calibration error on all test images;
            `test_calibration_error_scaled` at the temperature that was fitted on validation. All of
            these with `_clean` are of the clean test images.
        latency_ms: What the search measured and judged the trial by; else, of a finalist, what
            was measured when the test set was opened.
        latency_p95_ms: 95th percentile of a finalist's time for one image. Like all that follow of
            latency it is None where `latency_ms` is of another measurement.
        latency_32_ms: Median milliseconds for one batch of 32 images; `latency_32_p95_ms` their
            95th percentile.
        latency_device: What a finalist's times were measured on.
        model_bytes: Size of all its weights in float32, as it is published.
        weights_place: Path of its weights inside the run; None where they were not kept.
        code_version: Version of neurosweep that trained it, and the hash of its code.
        library_versions: Versions of Python and of what computes, by name.
    """

    rank: int | None = None
    tie_group: int | None = None
    val_accuracy_low: float | None = None
    val_accuracy_high: float | None = None
    val_accuracy_corrected: float | None = None
    val_accuracy_corrected_low: float | None = None
    val_accuracy_corrected_high: float | None = None
    test_accuracy: float | None = None
    test_accuracy_clean: float | None = None
    missed_positives: int | None = None
    missed_positives_clean: int | None = None
    cv_accuracy: float | None = None
    cv_accuracy_sd: float | None = None
    cv_folds: int | None = None
    pareto: bool | None = None
    repeats: int | None = None
    val_accuracy_mean: float | None = None
    val_accuracy_sd: float | None = None
    worker_hours: float | None = None
    val_missed_share: float | None = None
    val_missed_low: float | None = None
    val_missed_high: float | None = None
    missed_positives_share: float | None = None
    missed_positives_low: float | None = None
    missed_positives_high: float | None = None
    test_accuracy_low: float | None = None
    test_accuracy_high: float | None = None
    test_accuracy_clean_low: float | None = None
    test_accuracy_clean_high: float | None = None
    test_macro_f1: float | None = None
    test_macro_f1_clean: float | None = None
    test_roc_auc: float | None = None
    test_roc_auc_clean: float | None = None
    test_classes: dict[str, dict[str, int | float]] | None = None
    test_calibration_error: float | None = None
    test_calibration_error_scaled: float | None = None
    missed_positives_clean_share: float | None = None
    missed_positives_clean_low: float | None = None
    missed_positives_clean_high: float | None = None
    test_classes_clean: dict[str, dict[str, int | float]] | None = None
    test_calibration_error_clean: float | None = None
    test_calibration_error_scaled_clean: float | None = None
    latency_p95_ms: float | None = None
    latency_32_ms: float | None = None
    latency_32_p95_ms: float | None = None
    latency_device: str | None = None
    model_bytes: int | None = None
    weights_place: str | None = None
    code_version: str | None = None
    library_versions: dict[str, str] | None = None


def build_leaderboard(run: Run, *, compare: bool = True) -> list[LeaderboardRow]:
    """Rank a run's trials: by validation accuracy, then by validation loss.

    Where the experiment's objective is the validation loss, the other way round. Ranked are
    completed search trials that keep to the constraints, the fine-tuned winner and the ensemble.
    All other trials follow without a rank, those that got furthest first; screened backbones are
    no rivals to trials and come last.

    Args:
        run: The run directory.
        compare: Whether rows get their tie group and the best single network its corrected
            accuracy; whoever needs the ranks alone spares reading the predictions.
    """
    ranking = Ranking.of(run.info)
    ranked = ranking.ranked(run.records)
    others = [record for record in run.records if not ranking.takes_part(record)]
    others.sort(
        key=lambda record: (
            record.stage is Stage.SCREEN,
            _ORDER_OF_STATUS[record.status],
            *ranking.key(record),
        )
    )
    ranks = {record.trial_id: rank for rank, record in enumerate(ranked, start=1)}
    spread, front = repeats_of(run.records), _front(ranking, ranked)
    derived = DerivedFigures.of_run(run)
    return [
        LeaderboardRow(
            **_measured(record, run),
            **derived.of(record),
            rank=ranks.get(record.trial_id),
            **(_compared(run, record) if compare else {}),
            pareto=None if front is None else record.trial_id in front,
            worker_hours=_hours(record.held_seconds),
            **_repeats(_over_seeds(run, record) or spread.get(record.trial_id)),
        )
        for record in (*ranked, *others)
    ]


def _compared(run: Run, record: TrialRecord) -> dict[str, Any]:
    """What validation predictions say of a row beside the others."""
    statistics, choice = run.statistics, run.statistics.choice
    corrected = (
        {
            "val_accuracy_corrected": choice.estimate,
            "val_accuracy_corrected_low": choice.low,
            "val_accuracy_corrected_high": choice.high,
        }
        if choice and choice.trial_id == record.trial_id
        else {}
    )
    return {"tie_group": statistics.tie_groups.get(record.trial_id), **corrected}


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 6)


def _front(ranking: Ranking, ranked: list[TrialRecord]) -> frozenset[str] | None:
    """The Pareto front; None with a single objective."""
    several = len(ranking.objectives) > 1
    return front_of(ranked, ranking.objectives) if several else None


def _over_seeds(run: Run, record: TrialRecord) -> Repeats | None:
    """What a finalist came to over its own seed and the further ones; None without any."""
    further = run.repeated.of(record.trial_id) if run.repeated else None
    if further is None or not further.accuracies or record.val_accuracy is None:
        return None
    return Repeats.over([record.val_accuracy, *further.accuracies])


def _repeats(found: Repeats | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "repeats": found.count,
        "val_accuracy_mean": found.mean,
        "val_accuracy_sd": found.deviation,
    }


def _measured(record: TrialRecord, run: Run) -> dict[str, Any]:
    known = {field.name: getattr(record, field.name) for field in fields(TrialRecord)}
    finalist = run.evaluation.of(record.trial_id) if run.evaluation else None
    folded = run.cross_validation.of(record.trial_id) if run.cross_validation else None
    known |= _test_figures(finalist)
    if record.latency_ms is not None:
        known["latency_ms"] = record.latency_ms  # constraints and Pareto front rest on it
    return known | _interval(record, run.validation_images) | _fold_figures(folded)


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
