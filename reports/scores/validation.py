"""What a trial's record says of its validation probabilities, beside accuracy and loss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import Answers
from reports.scores.by_class import class_figures, macro_f1, missed_positives
from reports.scores.calibration import calibration_error, held_out_error
from reports.scores.roc import macro_roc_auc
from reports.scores.temperature import fit_temperature

__all__ = ["ValidationScores"]


@dataclass(frozen=True, kw_only=True)
class ValidationScores:
    """Scores validation probabilities; made once for all trials of a run.

    Attributes:
        labels: (images,) positions of the true classes, in the order of the probabilities' rows.
        classes: Names, in the order of their columns.
        negative_class: The class that means "nothing found"; None where there is none.
        groups: (images,) numbers that copies and near-copies share; None where not known.
    """

    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    negative_class: str | None
    groups: NDArray[np.int64] | None = field(default=None)

    def of(self, probabilities: NDArray[np.float32]) -> dict[str, Any]:
        """The fields of a record that come from probabilities (images, classes).

        Returns:
            By their names in `TrialRecord`; None where a figure cannot be had from these images.

        Raises:
            ValueError: There are not as many rows as images, or columns as classes.
        """
        answers = Answers(probabilities, self.labels)
        by_class = class_figures(answers, self.classes)
        return {
            "val_macro_f1": macro_f1(by_class),
            "val_roc_auc": macro_roc_auc(answers),
            "val_classes": by_class,
            "val_missed_positives": _missed(answers, self.classes, self.negative_class),
            "val_calibration_error": calibration_error(answers),
            "val_calibration_error_scaled": held_out_error(answers, self.groups),
            "temperature": fit_temperature(answers),
        }


def _missed(answers: Answers, classes: Sequence[str], negative: str | None) -> int | None:
    counted = None if negative is None else missed_positives(answers, list(classes).index(negative))
    return None if counted is None else counted[0]
