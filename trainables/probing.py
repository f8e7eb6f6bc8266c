"""A linear probe on cached features: how much of the classes a backbone tells as it is."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neurosweep.errors import DataError
from scans import ImageRows
from trainables import metrics

__all__ = ["Probed", "probe", "training_share"]

_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the penalty that are tried, as scikit-learn's C, on standardised features:
a decade apart, and wide enough that the best one lay inside on the images we looked at (ours)."""

_WITHOUT_CHOICE = 1e-2
"""The strength where a class has too few groups for folds: the middle of those that are tried."""

_FOLDS = 3
_MOST_STEPS = 200  # of L-BFGS; a probe that is cut off here differs in the fourth digit
_LEAST_OF_CLASS = 3  # training images of each class in every share, where it has so many

MOST_IMAGES = 5000
"""Training images that a probe is fitted to at most: its steps take a time in proportion (ours)."""


Part = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Features (n, 2, c) and labels (n,)."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a probe came to.

    Attributes:
        c: The inverse strength of the penalty that cross-validation chose.
        cv_accuracy: Mean accuracy over the folds of the training rows with it; None where a class
            had too few groups of images to be divided, and nothing was chosen.
        accuracy: On the validation rows.
        loss: Mean cross-entropy on the validation rows.
        train_images: Training rows it saw.
        seconds: What it took.
        probabilities: (n_validation, n_classes) of the validation rows.
    """

    c: float
    cv_accuracy: float | None
    accuracy: float
    loss: float
    train_images: int
    seconds: float
    probabilities: NDArray[np.float32]


def training_share(rows: ImageRows, share: float, *, seed: int) -> NDArray[np.int64]:
    """The first part of the training rows, every class in proportion; larger shares hold smaller.

    Of each class there are at least three images, or all that it has. At most `MOST_IMAGES` of a
    share's beginning are in proportion as well.

    Args:
        rows: Of the data set.
        share: Above 0, up to 1 inclusive.
        seed: Of the order within a class.
    """
    order = np.random.default_rng(seed).permutation(rows.train)
    place = np.empty(len(order))
    for label in np.unique(rows.labels[order]):
        of_class = np.flatnonzero(rows.labels[order] == label)
        place[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
        place[of_class[:_LEAST_OF_CLASS]] = 0.0
    ordered: NDArray[np.int64] = order[np.argsort(place, kind="stable")]
    return ordered[: max(np.count_nonzero(place == 0.0), round(share * len(ordered)))]


def probe(train: Part, validation: Part, groups: NDArray[np.int64]) -> Probed:
    """Fits a linear probe: logistic regression on standardised features, average and maximum.

    The strength of its penalty is chosen by cross-validation over groups of the training rows, so
    that copies of an image never stand on both sides. A class without training images is never
    named: its validation images count as wrong.

    Args:
        train: What it is fitted to.
        validation: What it is measured on.
        groups: (n_train,), images of one group are copies of each other, or of one patient.

    Raises:
        DataError: There are training images of one class alone.
    """
    started = time.perf_counter()
    labels, truth = train[1], validation[1]
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"A probe needs training images of two classes at least, received {len(labels)} of one "
            "class. Give images of the others, or leave transfer out of families."
        )
    classes = int(max(labels.max(), truth.max())) + 1
    import sklearn.linear_model  # noqa: F401  # only what is loaded by then gets the limit

    # Steps of L-BFGS are many and short: threads that wait for each other cost ten times the work
    # as soon as anything else runs.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")  # cut off after _MOST_STEPS: enough
        c, cv_accuracy = _strength(_flat(train[0]), labels, groups)
        fitted = _model(c).fit(_flat(train[0]), labels)
        outputs = _outputs(fitted, _flat(validation[0]), classes)
    return Probed(
        c=c,
        cv_accuracy=cv_accuracy,
        accuracy=metrics.accuracy(outputs, truth),
        loss=metrics.cross_entropy(outputs, truth),
        train_images=len(labels),
        seconds=time.perf_counter() - started,
        probabilities=outputs,
    )


def _strength(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[float, float | None]:
    """The strength whose loss over the folds is least, and its accuracy.

    From the strongest penalty on, until the loss grows: weak penalties take the most steps, and
    past its least the loss only grows.
    """
    divided = _folds(labels, groups)
    best: tuple[float, float, float | None] = (np.inf, _WITHOUT_CHOICE, None)
    for c in _STRENGTHS if divided else ():
        found = [_of_fold(c, features, labels, fold) for fold in divided]
        loss = float(np.mean([one[0] for one in found]))
        if not loss < best[0]:
            break
        best = (loss, c, float(np.mean([one[1] for one in found])))
    return best[1], best[2]


def _of_fold(
    c: float,
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    fold: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[float, float]:
    """Loss and accuracy on the rows that one fold holds out."""
    fitted = _model(c).fit(features[fold[0]], labels[fold[0]])
    outputs = _outputs(fitted, features[fold[1]], int(labels.max()) + 1)
    held_out = labels[fold[1]]
    return metrics.cross_entropy(outputs, held_out), metrics.accuracy(outputs, held_out)


def _folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to fit and rows to measure, for each fold; no group stands on both sides.

    Empty where a class has a single group: no fold could both fit and measure it.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    if fewest < 2:
        return []
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=0)
    divided = list(folds.split(labels, labels, groups))
    # Groups of several classes can leave a fold with one class to fit.
    return [one for one in divided if len(one[1]) and len(np.unique(labels[one[0]])) > 1]


def _outputs(fitted: Any, features: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    """Probabilities (n, classes); 0 for classes that the model has not seen."""
    outputs = np.zeros((len(features), classes), np.float32)
    outputs[:, fitted.classes_] = fitted.predict_proba(features)
    return outputs


def _model(c: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=_MOST_STEPS))


def _flat(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2, c) to (n, 2 c): average and maximum side by side."""
    return features.reshape(len(features), -1)
