"""All networks of a search, and which of them do best on images outside of one fold.

A library of thousands is never in memory: one network's answers are read at a time, and what is
kept of them is one number for each fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import log_probabilities

__all__ = ["Library", "best_outside_folds"]


@dataclass(frozen=True, kw_only=True)
class Library:
    """Networks to choose from.

    Attributes:
        names: Of the networks, in an order that no figure had a say in: it settles ties.
        read: Gives what a network said of the images, (images, classes) float32; None where that
            cannot be used, which leaves it out.
        count: How many of them may be members, at least 1.
    """

    names: Sequence[str]
    read: Callable[[str], NDArray[np.float32] | None]
    count: int


def best_outside_folds(
    library: Library,
    labels: NDArray[np.int64],
    fold_of_each: NDArray[np.integer],
    *,
    folds: int,
    by_loss: bool = False,
) -> list[list[str]]:
    """For each fold, the networks that do best on the images that are not in it.

    Args:
        library: The networks.
        labels: (images,) positions of the true classes.
        fold_of_each: (images,) the fold of each image, 0 inclusive to `folds` exclusive.
        folds: Number of the folds.
        by_loss: Best is the smallest cross-entropy, ties by right answers; else the other way
            round.

    Returns:
        Names for each fold, at most `library.count`, the best first.
    """
    outside = (fold_of_each[:, None] != np.arange(folds)).astype(np.float64)
    images = np.arange(len(labels))
    names, wrong, losses = [], [], []
    for name in library.names:
        said = library.read(name)
        if said is None:
            continue
        names.append(name)
        wrong.append((said.argmax(axis=1) != labels) @ outside)
        losses.append(-log_probabilities(said[images, labels]) @ outside)
    if not names:
        return [[] for _ in range(folds)]
    first, then = (losses, wrong) if by_loss else (wrong, losses)
    # lexsort takes the last key first, and keeps the given order of what is equal in all.
    orders = np.lexsort((np.stack(then), np.stack(first)), axis=0)[: library.count]
    return [[names[place] for place in order] for order in orders.T]
