"""Which test images are clean: no copy, near-copy or other slice of a patient was learned from."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_LEARNED_FROM = ("train", "validation")


def clean_test_rows(split: pa.Table) -> NDArray[np.bool_] | None:
    """Tell which test images have no relative among the images that were learned from.

    A test image is clean when no row of part train or validation has its group. Validation counts
    because the winner and its epoch were chosen on it; dropped rows do not, they taught nothing.

    Args:
        split: Columns part and group as `scans.split` writes them.

    Returns:
        One flag per test row, shape (test rows,), in the split's order; None where the split has
        no column group, as in runs of an older layout: which images are related was not looked
        into then, and to call each of them clean would be a claim that nobody checked.
    """
    if "group" not in split.column_names:
        return None
    parts = np.array(split["part"].to_pylist(), dtype=np.str_)
    groups = split["group"].to_numpy()
    learned = groups[np.isin(parts, _LEARNED_FROM)]
    return ~np.isin(groups[parts == "test"], learned)
