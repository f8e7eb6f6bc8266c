"""By how much one model is more accurate than another that saw the same images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.statistics.resampling import draw_counts, interval_of

__all__ = ["Difference", "accuracy_difference"]

_RESAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """The second accuracy minus the first.

    Attributes:
        value: -1 to 1 inclusive; above 0 the second model is better.
        low: Lower bound of the 95 % interval; `high` the upper.
    """

    value: float
    low: float
    high: float


def accuracy_difference(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    resamples: int = _RESAMPLES,
    seed: int = _SEED,
) -> Difference:
    """Estimate the difference with a paired bootstrap (Efron and Tibshirani 1993, chapter 13).

    Both models are looked at on the same resampled images, so that what is hard for both does not
    widen the interval. Groups of copies are drawn as a whole.

    Args:
        first: (images,), whether the first model was right; at least one image.
        second: The same of the second model.
        groups: (images,), numbers that images which belong together share.
        resamples: How often to draw.
        seed: The same seed gives the same interval.
    """
    _, group_of = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of)
    gained = np.bincount(group_of, weights=second.astype(np.int64) - first.astype(np.int64))
    differences = [
        (counts @ gained) / (counts @ sizes)
        for counts in draw_counts(len(sizes), resamples=resamples, seed=seed)
    ]
    low, high = interval_of(np.concatenate(differences))
    return Difference(float(gained.sum() / sizes.sum()), low, high)
