"""What the one opening of the test set measured: `evaluation.json`.

Every figure is there twice: on all test images, and on the clean ones, which have neither an
exact nor a near twin in training or validation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed

__all__ = ["Cleanness", "Evaluation", "Figures", "Finalist", "Matrix", "read_evaluation"]

Matrix = tuple[tuple[int, ...], ...]
"""Images by true class (rows) and predicted class (columns)."""

_CLASS_FIGURES = ("precision", "recall", "f1-score", "support")
_SHARES = ("roc_auc", "calibration_error", "calibration_error_scaled")


class Cleanness(Enum):
    """How many of the test images are clean."""

    UNKNOWN = "not measured, as in runs of earlier versions"
    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True)
class Figures:
    """What one model did on some of the test images.

    Attributes:
        accuracy: Share of right answers, 0 to 1 inclusive.
        missed: Positives called the negative class; None without a negative class.
        confusion: Images by true class (rows) and predicted class (columns).
        report: Precision, recall, F1 and support by class.
    """

    accuracy: float
    missed: int | None
    confusion: Matrix
    report: dict[str, Any]

    @property
    def images(self) -> int:
        """On how many images it was measured."""
        return sum(map(sum, self.confusion))


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One model on the test set; `_clean` marks the same figure on the clean images alone.

    A clean figure is None where no test image is clean, or where it was not measured.

    Attributes:
        test_accuracy: Share of right answers, 0 to 1 inclusive.
        missed_positives: Positives called the negative class; None without a negative class.
        roc_auc: Mean area under the classes' ROC curves; None where a class has no image.
        calibration_error: Expected calibration error, 0 to 1 inclusive;
            `calibration_error_scaled` at the temperature that was fitted on validation.
        latency_ms: Median milliseconds for one image; `latency_p95_ms` their 95th percentile.
        latency_32_ms: Median milliseconds for one batch of 32 images; `latency_32_p95_ms` their
            95th percentile.
        latency_device: What the times were measured on.
        confusion: Images by true class (rows) and predicted class (columns).
        classification_report: As scikit-learn's `classification_report(output_dict=True)`.
    """

    # Read by pydantic: a NaN could neither be ranked nor drawn.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    trial_id: str
    test_accuracy: float
    test_accuracy_clean: float | None = None
    missed_positives: int | None = None
    missed_positives_clean: int | None = None
    roc_auc: float | None = None
    roc_auc_clean: float | None = None
    calibration_error: float | None = None
    calibration_error_clean: float | None = None
    calibration_error_scaled: float | None = None
    calibration_error_scaled_clean: float | None = None
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_32_ms: float | None = None
    latency_32_p95_ms: float | None = None
    latency_device: str | None = None
    confusion: Matrix
    confusion_clean: Matrix | None = None
    classification_report: dict[str, Any]
    classification_report_clean: dict[str, Any] | None = None

    @property
    def on_all(self) -> Figures:
        """Its figures on all test images."""
        return Figures(
            self.test_accuracy, self.missed_positives, self.confusion, self.classification_report
        )

    @property
    def on_clean(self) -> Figures | None:
        """Its figures on the clean test images; None where they were not measured."""
        if self.test_accuracy_clean is None or not any(map(any, self.confusion_clean or ())):
            return None
        return Figures(
            self.test_accuracy_clean,
            self.missed_positives_clean,
            self.confusion_clean or (),
            self.classification_report_clean or {},
        )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All finalists on the test set.

    Attributes:
        opened: ISO time at which the test set was opened.
        classes: In the order of the confusion matrices' rows and columns.
        negative_class: The class that means "nothing found"; None if there is none.
        test_images: Number of test images; None in files of earlier versions.
        test_images_clean: How many of them are clean; None in files of earlier versions.
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

    @property
    def images(self) -> int:
        """The number of test images, which an earlier version left to be counted."""
        if self.test_images is not None:
            return self.test_images
        return max((one.on_all.images for one in self.finalists), default=0)

    def positives(self, confusion: Matrix) -> int:
        """Count the images of a matrix whose true class is not the negative one."""
        rows = zip(self.classes, confusion, strict=True)
        return sum(sum(row) for name, row in rows if name != self.negative_class)

    @property
    def cleanness(self) -> Cleanness:
        """Whether clean figures tell anything that those on all images do not."""
        if self.test_images_clean is None:
            return Cleanness.UNKNOWN
        if self.test_images_clean == 0:
            return Cleanness.NONE
        return Cleanness.ALL if self.test_images_clean == self.images else Cleanness.SOME


def read_evaluation(path: Path) -> Evaluation | None:
    """Read the file; None while the test set has not been opened.

    Raises:
        RunDirectoryError: A figure is missing, of a wrong type or impossible, a matrix is not
            square, or holds other images than the file says.
    """
    evaluation = read_typed(
        path,
        Evaluation,
        holds="the finalists' test figures",
        advice="Restore the file: the test set is opened once per run.",
    )
    for problem in _problems(evaluation) if evaluation else ():
        raise RunDirectoryError(f"{path}: {problem}. Restore the file.")
    return evaluation


def _problems(evaluation: Evaluation) -> Iterator[str]:
    negative = evaluation.negative_class
    if negative is not None and negative not in evaluation.classes:
        yield f"the negative class is one of the classes; received {negative!r}"
    for one in evaluation.finalists:
        for figures, images in (
            (one.on_all, evaluation.test_images),
            (one.on_clean, evaluation.test_images_clean),
        ):
            for problem in _wrong(figures, evaluation, images) if figures else ():
                yield f"trial {one.trial_id}: {problem}"
        for name in (*_SHARES, *(f"{name}_clean" for name in _SHARES)):
            if not 0 <= (getattr(one, name) or 0.0) <= 1:
                yield f"trial {one.trial_id}: {name} is a share from 0 to 1"


def _wrong(figures: Figures, evaluation: Evaluation, images: int | None) -> Iterator[str]:
    size = len(evaluation.classes)
    shape = (len(figures.confusion), *{len(row) for row in figures.confusion})
    if shape != (size, size):
        yield (
            f"a confusion matrix has a row and a column for each of the {size} classes; "
            f"received {shape}"
        )
    if min(map(min, figures.confusion)) < 0 or figures.images == 0:
        yield f"a confusion matrix counts images; received {figures.confusion}"
    if images not in (None, figures.images):
        yield f"a confusion matrix holds the {images} images; received {figures.images}"
    if not 0 <= figures.accuracy <= 1:
        yield f"a test accuracy is a share from 0 to 1; received {figures.accuracy}"
    positives = evaluation.positives(figures.confusion)
    if not 0 <= (figures.missed or 0) <= positives:
        yield f"missed positives are some of the {positives}; received {figures.missed}"
    yield from _wrong_report(figures.report)


def _wrong_report(report: dict[str, Any]) -> Iterator[str]:
    for name, line in report.items():
        numbers = [line.get(figure) for figure in _CLASS_FIGURES] if isinstance(line, dict) else []
        if not all(isinstance(number, int | float) and isfinite(number) for number in numbers):
            yield (
                f"a class of a classification report has the numbers "
                f"{', '.join(_CLASS_FIGURES)}; received {line!r} for {name!r}"
            )
