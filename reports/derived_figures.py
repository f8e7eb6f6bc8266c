"""What a leaderboard's row says beyond its record: worked out when the leaderboard is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.code_versions import CodeVersions
from reports.evaluation import Evaluation, Figures, Finalist
from reports.intervals import wilson_interval
from reports.records import TrialRecord
from reports.run import Run
from reports.scores.by_class import macro_f1, of_matrix
from reports.weights_kept import kept_weights

__all__ = ["DerivedFigures"]

_BYTES_OF_A_WEIGHT = 4  # float32, whatever precision steps were computed in


@dataclass(frozen=True)
class DerivedFigures:
    """What all rows of a run are worked out from.

    Attributes:
        evaluation: The finalists on the test set; None while it has not been opened.
        validation_positives: Validation images of any class but the negative one; None without a
            negative class, or where it is not known.
        weights: Places of the weights that the run still has, by trial.
        versions: Of what computed the trials.
    """

    evaluation: Evaluation | None
    validation_positives: int | None
    weights: Mapping[str, str]
    versions: CodeVersions

    @classmethod
    def of_run(cls, run: Run) -> "DerivedFigures":
        """Look once for what all rows need.

        Raises:
            RunDirectoryError: The split or the list of versions is damaged.
        """
        return cls(
            evaluation=run.evaluation,
            validation_positives=_validation_positives(run),
            weights=kept_weights(run.path, run.records),
            versions=CodeVersions.of(run.info),
        )

    def of(self, record: TrialRecord) -> dict[str, Any]:
        """The columns of one trial's row by name; those that are left out are None."""
        parameters = record.parameters
        return {
            **_share_of_missed(
                "val_missed", record.val_missed_positives, self.validation_positives
            ),
            **self._tested(record),
            **self.versions.columns(record),
            "model_bytes": None if parameters is None else _BYTES_OF_A_WEIGHT * parameters,
            "weights_place": self.weights.get(record.trial_id),
        }

    def _tested(self, record: TrialRecord) -> dict[str, Any]:
        evaluation = self.evaluation
        finalist = evaluation.of(record.trial_id) if evaluation else None
        if evaluation is None or finalist is None:
            return {}
        return {
            **_counted(evaluation, finalist.on_all, ""),
            **_counted(evaluation, finalist.on_clean, "_clean"),
            "test_roc_auc": finalist.roc_auc,
            "test_roc_auc_clean": finalist.roc_auc_clean,
            "test_calibration_error": finalist.calibration_error,
            "test_calibration_error_clean": finalist.calibration_error_clean,
            "test_calibration_error_scaled": finalist.calibration_error_scaled,
            "test_calibration_error_scaled_clean": finalist.calibration_error_scaled_clean,
            **_latency(record, finalist),
        }


def _counted(evaluation: Evaluation, figures: Figures | None, kind: str) -> dict[str, Any]:
    """What follows from a matrix of some of the test images; empty where there is none."""
    if figures is None:
        return {}
    classes = of_matrix(figures.confusion, evaluation.classes)
    positives = evaluation.positives(figures.confusion)
    return {
        **_accuracy_bounds(f"test_accuracy{kind}", figures),
        **_share_of_missed(f"missed_positives{kind}", figures.missed, positives),
        f"test_macro_f1{kind}": macro_f1(classes),
        f"test_classes{kind}": classes,
    }


def _latency(record: TrialRecord, finalist: Finalist) -> dict[str, Any]:
    """What belongs to the row's `latency_ms`; empty where the search measured that one itself."""
    # An ensemble's record and the evaluation hold one and the same measurement.
    if record.latency_ms not in (None, finalist.latency_ms):
        return {}
    return {
        "latency_p95_ms": finalist.latency_p95_ms,
        "latency_32_ms": finalist.latency_32_ms,
        "latency_32_p95_ms": finalist.latency_32_p95_ms,
        "latency_device": finalist.latency_device,
    }


def _accuracy_bounds(name: str, figures: Figures) -> dict[str, float]:
    low, high = wilson_interval(figures.accuracy, figures.images)
    return {f"{name}_low": low, f"{name}_high": high}


def _share_of_missed(name: str, missed: int | None, positives: int | None) -> dict[str, float]:
    """The missed among the positives, with Wilson's interval; empty where there is no positive."""
    # A record that was edited may say more than there are: nothing is a share of that.
    if missed is None or not positives or not 0 <= missed <= positives:
        return {}
    share = missed / positives
    low, high = wilson_interval(share, positives)
    return {f"{name}_share": share, f"{name}_low": low, f"{name}_high": high}


def _validation_positives(run: Run) -> int | None:
    negative, counts = _negative_class(run), run.counts.get("validation")
    if negative is None or not counts:
        return None
    return sum(images for label, images in counts.items() if label != negative)


def _negative_class(run: Run) -> str | None:
    data = run.info.get("data")
    told = data.get("negative_class") if isinstance(data, Mapping) else None
    if told is None and run.evaluation is not None:
        return run.evaluation.negative_class
    return None if told is None else str(told)
