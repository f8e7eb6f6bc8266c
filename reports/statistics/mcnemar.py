"""McNemar's test: whether two models that saw the same images differ in how many they got right."""

from math import log

import numpy as np
from numpy.typing import NDArray

__all__ = ["discordant", "mcnemar"]


def discordant(
    one: NDArray[np.bool_], others: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the images that only one of two models got right.

    Args:
        one: (images,), whether the first model was right.
        others: (models, images), the same of those it is compared with.

    Returns:
        For each of the others, (models,): images that only the first got right, and images that
        only the other did.
    """
    return (one & ~others).sum(axis=1), (others & ~one).sum(axis=1)


def mcnemar(first_only: int, second_only: int) -> float:
    """Give the exact two-sided p-value of McNemar's test (1947, Psychometrika 12:153).

    Were both models equally good, each image that only one of them got right would be a fair coin:
    the smaller count follows a binomial distribution with p = 1/2. That distribution is used as it
    is, not McNemar's chi-square, which is rough where few images tell the models apart.

    Two-sided, although the question is whether the second is worse: which of two models is called
    the first is decided by the same images, and a one-sided test would take half of the p-value as
    a present for that.

    Args:
        first_only: Images that only the first model got right, at least 0.
        second_only: Images that only the second got right, at least 0.

    Returns:
        The p-value, 0 to 1 inclusive; 1 where no image tells them apart, 0 where it is smaller
        than a floating-point number can be.

    Raises:
        ValueError: A count is negative.
    """
    if min(first_only, second_only) < 0:
        raise ValueError(f"counts are at least 0; received {first_only} and {second_only}")
    coins, fewer = first_only + second_only, min(first_only, second_only)
    if first_only == second_only:
        return 1.0
    # ln P(X = k) for k = 0 … fewer: binomial coefficients as running products, in logarithms,
    # since 1 / 2^coins is no floating-point number beyond some thousand coins.
    steps = np.arange(1, fewer + 1, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log((coins - steps + 1) / steps))])
    highest = float(logs.max())
    tail = highest + log(float(np.exp(logs - highest).sum())) - coins * log(2)
    return min(1.0, 2.0 * float(np.exp(tail)))
