"""ROC and precision-recall curves of one class against all others, with the areas below them.

Fawcett 2006, Pattern Recognition Letters 27:861, for the first; for the second the step-wise sum
that is called average precision, as in scikit-learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import Answers
from reports.scores.roc import roc_auc

__all__ = ["ClassCurves", "Curve", "curves_of", "precision_recall", "roc"]


@dataclass(frozen=True)
class Curve:
    """Points of a curve and the area below it.

    Attributes:
        across: Values from 0 to 1 inclusive, in the curve's order.
        up: Of the same length, 0 to 1 inclusive.
        area: 0 to 1 inclusive.
    """

    across: NDArray[np.float64]
    up: NDArray[np.float64]
    area: float


@dataclass(frozen=True)
class ClassCurves:
    """One class against all others.

    Attributes:
        name: The class.
        images: Images of the class.
        roc: None where all images, or none, are of the class: there is nothing to tell apart.
        precision_recall: None where no image is of the class.
    """

    name: str
    images: int
    roc: Curve | None
    precision_recall: Curve | None


def curves_of(answers: Answers, classes: Sequence[str]) -> tuple[ClassCurves, ...]:
    """The curves of all classes.

    Args:
        answers: On any number of images.
        classes: Names, in the order of the columns.
    """
    found = []
    for column, name in enumerate(classes):
        positive = answers.labels == column
        images, scores = int(positive.sum()), answers.probabilities[:, column]
        found.append(
            ClassCurves(
                name,
                images,
                roc(scores, positive),
                precision_recall(scores, positive) if images else None,
            )
        )
    return tuple(found)


def roc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve | None:
    """False-positive rate across, true-positive rate up, from (0, 0) to (1, 1).

    Args:
        scores: (images,) the higher, the more likely positive.
        positive: (images,) flags.

    Returns:
        A point for each threshold and the one before all, with the area of `reports.scores.roc`;
        None without a positive or without a negative.
    """
    area = roc_auc(scores, positive)
    if area is None:
        return None
    right, wrong = _counts(scores, positive)
    across, up = (np.concatenate([[0.0], one / one[-1]]) for one in (wrong, right))
    return Curve(across, up, area)


def precision_recall(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Curve:
    """Recall across, precision up, from recall 0, where precision counts as 1.

    Args:
        scores: (images,) the higher, the more likely positive.
        positive: (images,) with at least one positive.

    Returns:
        A point for each threshold and the one before all; the area is average precision, the sum
        of each precision times the recall gained at its threshold.
    """
    right, wrong = _counts(scores, positive)
    recall = np.concatenate([[0.0], right / right[-1]])
    precision = np.concatenate([[1.0], right / (right + wrong)])
    return Curve(recall, precision, float(np.sum(np.diff(recall) * precision[1:])))


def _counts(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives and negatives at or above each different score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    right = np.cumsum(hits, dtype=np.float64)[ends]
    return right, ends + 1.0 - right
