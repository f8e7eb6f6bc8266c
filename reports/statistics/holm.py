"""Holm's correction: p-values of several comparisons, made fit to be read together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjust p-values so that all comparisons together err with at most the level they are held to.

    The smallest is multiplied by the number of comparisons, the next by one less, and so on; none
    may come out below a smaller one (Holm 1979, Scandinavian Journal of Statistics 6:65). It holds
    whatever the comparisons have to do with each other.

    Args:
        p_values: Each 0 to 1 inclusive; may be empty.

    Returns:
        The adjusted p-values in the same order, 0 to 1 inclusive.
    """
    values = np.asarray(p_values, np.float64)
    order = values.argsort(kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted
