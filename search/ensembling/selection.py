"""Greedy selection of an ensemble's members, with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004:
beginning with the best network, that one is added again and again which makes the mean of the
probabilities best, and the best of all these means is kept. How often a network was taken is its
weight. The number of draws is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainables.metrics import cross_entropy

__all__ = ["DRAWS", "select"]

DRAWS = 50
"""How often a network is added at most; a weight is a multiple of at least 1/50."""


def select(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, by_loss: bool = False
) -> NDArray[np.int64]:
    """How often each network is taken into the mean that does best.

    The same input always gives the same counts: of equals the first is taken, and of equally good
    means the smallest.

    Args:
        probabilities: Of the candidates, (networks, images, classes), at least one of each.
        labels: (images,) positions of the true classes.
        by_loss: Best is the smallest cross-entropy, ties by accuracy; else the other way round.

    Returns:
        (networks,) counts from 0; they come to at least 1 and at most `DRAWS`.
    """
    said = probabilities.astype(np.float64)
    total = np.zeros(said.shape[1:], np.float64)
    counts = np.zeros(len(said), np.int64)
    best, best_counts = (np.inf, np.inf), counts
    for draw in range(1, DRAWS + 1):
        costs = [_cost((total + own) / draw, labels, by_loss=by_loss) for own in said]
        taken = min(range(len(costs)), key=costs.__getitem__)
        total += said[taken]
        counts = counts + (np.arange(len(said)) == taken)
        if costs[taken] < best:
            best, best_counts = costs[taken], counts
    return best_counts


def _cost(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], *, by_loss: bool
) -> tuple[float, float]:
    """What is compared first, then what settles a tie; less is better."""
    wrong = float(np.count_nonzero(probabilities.argmax(axis=1) != labels))
    loss = cross_entropy(probabilities, labels)
    return (loss, wrong) if by_loss else (wrong, loss)
