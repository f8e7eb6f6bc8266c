"""An ensemble's figures on validation images that had no say in its members and weights.

Both are chosen on the validation images, so what the ensemble reaches on them flatters it. So the
whole choice is made several times, each time without one fold: first of all networks those that
may be members, then the weights; and each fold is judged by what was chosen without it. To choose
the candidates on all images and the weights alone without the fold would not do: of many networks
that guess, the best on all images are the lucky ones on those of the fold as well. Images of one
group (copies of a picture, slices of one patient) are in one fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scans.division.draw import Rows, number_folds
from search.ensembling.library import Library, best_outside_folds
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
        out_of_fold: (images, classes) float32: what members and weights that were chosen without an
            image's fold say of it. Figures for comparison come from these alone.
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
    library: Library,
    *,
    by_loss: bool = False,
    seed: int = 0,
) -> Chosen:
    """Choose an ensemble and judge it on images that had no say.

    Args:
        probabilities: Of the candidates, (networks, images, classes), the best network first.
        validation: The images.
        library: All networks that the candidates are the best of. Each fold has candidates of its
            own, which the other images choose from it.
        by_loss: As in `select`.
        seed: Of the folds, at least 0.

    Raises:
        DataError: A class has fewer than two groups.
        ValueError: No network of the library can be read.
    """
    folds = max(FEWEST_FOLDS, folds_of(validation))
    number = _fold_of_each(validation, folds=folds, seed=seed)
    out_of_fold = np.zeros(probabilities.shape[1:], np.float32)
    best = best_outside_folds(library, validation.labels, number, folds=folds, by_loss=by_loss)
    for fold, names in enumerate(best):
        held, rest = number == fold, number != fold
        said = _stacked(library, names)
        weights = _weights(said[:, rest], validation.labels[rest], by_loss=by_loss)
        out_of_fold[held] = _mean(said[:, held], weights)
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


def _stacked(library: Library, names: Sequence[str]) -> NDArray[np.float32]:
    """What these networks said, (networks, images, classes)."""
    return np.stack([said for name in names if (said := library.read(name)) is not None])


def _weights(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, by_loss: bool
) -> NDArray[np.float64]:
    counts = select(probabilities, labels, by_loss=by_loss)
    weights: NDArray[np.float64] = counts / counts.sum()
    return weights


def _mean(probabilities: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    return weighted_mean(list(probabilities), weights.tolist())
