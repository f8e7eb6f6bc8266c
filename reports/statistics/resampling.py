"""Bootstrap resamples of images, drawn group by group."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_counts", "interval_of"]

_CELLS = 4_000_000  # drawn at a time: 32 MB of numbers
_INTERVAL = (2.5, 97.5)  # per cent: 95 % lie between


def draw_counts(groups: int, *, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Draw as many groups as there are, with replacement, again and again.

    Images that are copies of each other, or of one patient, are drawn together: they are right or
    wrong together, and as single images they would make every figure look surer than it is.

    Args:
        groups: Number of groups, at least 1; of images without copies it is their number.
        resamples: How often to draw.
        seed: The same seed gives the same draws.

    Yields:
        (some of the resamples, groups): how often each group was drawn.
    """
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS // groups)
    for begin in range(0, resamples, at_once):
        count = min(at_once, resamples - begin)
        drawn = random.integers(0, groups, size=(count, groups))
        drawn += groups * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * groups)
        yield counts.reshape(count, groups)


def interval_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Give the percentile interval in which 95 % of resampled figures lie (Efron 1979).

    Args:
        values: One figure per resample, at least one.

    Returns:
        The lower and the upper bound.
    """
    low, high = np.percentile(values, _INTERVAL)
    return float(low), float(high)
