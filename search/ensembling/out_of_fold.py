"""An ensemble's figures on validation images that had no say in its weights.

The weights are chosen on the validation images, so what the ensemble reaches on them flatters it.
So they are chosen several times, each time without one fold, and each fold is judged by the weights
that were chosen without it. Images of one group (copies of a picture, slices of one patient) are in
one fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scans.division.draw import Rows, number_folds
from search.ensembling.selection import select
from trainables.ensembles.members import weighted_mean

__all__ = ["FEWEST_FOLDS", "Chosen", "Validation", "choose", "folds_of"]

FEWEST_FOLDS = 2
_MOST_FOLDS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Validation:
    """What is known of the validation images.

    Attributes:
        labels: (images,) positions of the true classes.
        groups: (images,) numbers of their groups; images of one group are not parted.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """An ensemble, chosen on all validation images, and what it is worth.

    Attributes:
        weights: (networks,) from 0; they come to 1.
        out_of_fold: (images, classes) float32: what weights that were chosen without an image's
            fold say of it. Figures for comparison come from these alone.
        fitted: (images, classes) float32: what `weights` say of the images that chose them.
        folds: Number of the folds.
    """

    weights: NDArray[np.float64]
    out_of_fold: NDArray[np.float32]
    fitted: NDArray[np.float32]
    folds: int


def folds_of(validation: Validation) -> int:
    """How many folds there can be, at most 5: as many as the rarest class has groups."""
    groups, labels = validation.groups, validation.labels
    of_classes = (len(np.unique(groups[labels == label])) for label in np.unique(labels))
    return min(_MOST_FOLDS, *of_classes)


def choose(
    probabilities: NDArray[np.float32],
    validation: Validation,
    *,
    by_loss: bool = False,
    seed: int = 0,
) -> Chosen:
    """Choose an ensemble and judge it on images that had no say.

    Args:
        probabilities: Of the candidates, (networks, images, classes), the best network first.
        validation: The images.
        by_loss: As in `select`.
        seed: Of the folds, at least 0.

    Raises:
        DataError: A class has fewer than two groups.
    """
    folds = max(FEWEST_FOLDS, folds_of(validation))
    number = _fold_of_each(validation, folds=folds, seed=seed)
    out_of_fold = np.zeros(probabilities.shape[1:], np.float32)
    for fold in range(folds):
        held, rest = number == fold, number != fold
        weights = _weights(probabilities[:, rest], validation.labels[rest], by_loss=by_loss)
        out_of_fold[held] = _mean(probabilities[:, held], weights)
    weights = _weights(probabilities, validation.labels, by_loss=by_loss)
    return Chosen(
        weights=weights,
        out_of_fold=out_of_fold,
        fitted=_mean(probabilities, weights),
        folds=folds,
    )


def _fold_of_each(validation: Validation, *, folds: int, seed: int) -> NDArray[np.int8]:
    rows = Rows(labels=validation.labels.astype(np.str_), groups=validation.groups.astype(np.int32))
    return number_folds(rows, np.arange(len(validation.labels)), folds=folds, seed=seed)


def _weights(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, by_loss: bool
) -> NDArray[np.float64]:
    counts = select(probabilities, labels, by_loss=by_loss)
    weights: NDArray[np.float64] = counts / counts.sum()
    return weights


def _mean(probabilities: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    return weighted_mean(list(probabilities), weights.tolist())
