"""What the one opening of the test set measured: `evaluation.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosweep.errors import RunDirectoryError

__all__ = ["Evaluation", "Finalist", "read_evaluation"]


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One model on the test set.

    Attributes:
        test_accuracy: Share of right answers, 0 to 1 inclusive.
        test_accuracy_clean: The same without images that leak from training; None: not measured.
        missed_positives: Positives called the negative class; None without a negative class.
        latency_ms: Milliseconds for one image.
        confusion: Images by true class (rows) and predicted class (columns).
        classification_report: As scikit-learn's `classification_report(output_dict=True)`.
        missed_positives_clean: As `missed_positives`, without images that leak from training.
        confusion_clean: As `confusion`, without images that leak from training.
        classification_report_clean: The same without images that leak from training.
    """

    trial_id: str
    test_accuracy: float
    test_accuracy_clean: float | None = None
    missed_positives: int | None = None
    latency_ms: float | None = None
    confusion: tuple[tuple[int, ...], ...]
    classification_report: dict[str, Any]
    missed_positives_clean: int | None = None
    confusion_clean: tuple[tuple[int, ...], ...] | None = None
    classification_report_clean: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All finalists on the test set.

    Attributes:
        opened: ISO time at which the test set was opened.
        classes: In the order of the confusion matrices' rows and columns.
        negative_class: The class that means "nothing found"; None if there is none.
        test_images: Images of the test set; None in runs of an older layout.
        test_images_clean: Those that do not leak from training; None where it is not known.
    """

    opened: str
    finalists: tuple[Finalist, ...]
    classes: tuple[str, ...]
    negative_class: str | None = None
    test_images: int | None = None
    test_images_clean: int | None = None

    def of(self, trial_id: str) -> Finalist | None:
        """Give a trial's figures, None if it was no finalist."""
        return next((one for one in self.finalists if one.trial_id == trial_id), None)


def read_evaluation(path: Path) -> Evaluation | None:
    """Read the file; None while the test set has not been opened.

    Raises:
        RunDirectoryError: A figure is missing, of a wrong type, or a matrix is not square.
    """
    from pydantic import TypeAdapter, ValidationError

    if not path.exists():
        return None
    try:
        evaluation = TypeAdapter(Evaluation).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunDirectoryError(
            f"{path} must hold the finalists' test figures; at {where}: {first['msg']}. "
            "Restore the file: the test set is opened once per run."
        ) from error
    _check_matrices(evaluation, path)
    return evaluation


def _check_matrices(evaluation: Evaluation, path: Path) -> None:
    size = len(evaluation.classes)
    for finalist in evaluation.finalists:
        shape = (len(finalist.confusion), *{len(row) for row in finalist.confusion})
        if shape != (size, size):
            raise RunDirectoryError(
                f"{path}: a confusion matrix has a row and a column for each of the {size} "
                f"classes; trial {finalist.trial_id} has {shape}. Restore the file."
            )
