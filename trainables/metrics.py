"""Scores worked out from probabilities, so that stored predictions and scores always agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError

__all__ = ["accuracy", "classification_report", "confusion", "cross_entropy", "missed_positives"]

# Keras' own bound: a probability of exactly 0 would make the loss infinite.
_SMALLEST_PROBABILITY = 1e-7


def accuracy(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Share of rows whose most probable class is the true one, 0 to 1.

    Args:
        probabilities: (n, n_classes), n at least 1.
        labels: (n,) positions of the true classes.
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def cross_entropy(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Mean of -ln(probability of the true class), without label smoothing.

    Args:
        probabilities: (n, n_classes), n at least 1.
        labels: (n,) positions of the true classes.
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(np.mean(-np.log(np.clip(true, _SMALLEST_PROBABILITY, 1.0))))


def confusion(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> list[list[int]]:
    """Counts by true class (rows) and predicted class (columns)."""
    n_classes = probabilities.shape[1]
    cells = labels * n_classes + probabilities.argmax(axis=1)
    counts = np.bincount(cells, minlength=n_classes * n_classes)
    return [[int(count) for count in row] for row in counts.reshape(n_classes, n_classes)]


def missed_positives(matrix: Sequence[Sequence[int]], classes: Sequence[str], negative: str) -> int:
    """Images of any other class that were called `negative`: tumours called healthy.

    Args:
        matrix: What `confusion` gives.
        classes: Class names in the order of rows and columns.
        negative: Name of the negative class.

    Raises:
        DataError: `negative` is no class.
    """
    if negative not in classes:
        raise DataError(
            f"The negative class is one of {list(classes)}; received {negative!r}. "
            "Correct data.negative_class, or set it to null."
        )
    column = list(classes).index(negative)
    return sum(int(row[column]) for index, row in enumerate(matrix) if index != column)


def classification_report(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, Any]:
    """Precision, recall, F1 and support per class, as scikit-learn's `output_dict` has them.

    Behind the classes stand `accuracy`, `macro avg` and `weighted avg`, each unless a class has
    that name.
    """
    from sklearn.metrics import classification_report as sklearn_report

    report: dict[str, Any] = sklearn_report(
        labels,
        probabilities.argmax(axis=1),
        labels=list(range(len(classes))),
        output_dict=True,
        zero_division=0.0,  # a class never predicted has precision 0, said without a warning
    )
    # By number, not by name: of two lines with one name scikit-learn gives the average alone.
    lines = {name: report.pop(str(number)) for number, name in enumerate(classes)}
    return {**lines, **{name: told for name, told in report.items() if name not in lines}}
