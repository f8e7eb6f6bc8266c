"""The folds of a split: which images one round of cross-validation learns from and looks at."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import DataError

_LEARNED_FROM = ("train", "validation")


def fold_split(split: pa.Table, fold: int) -> pa.Table:
    """Turn one fold into the validation part and the other folds into the training part.

    Args:
        split: As `scans.split` writes it where folds were asked for: column fold has 0 to K-1 in
            the rows of train and validation.
        fold: The one to look at, 0 to K-1 (inclusive).

    Returns:
        The same rows and columns, sorted by part and file; test and dropped rows are unchanged,
        and so is the schema's metadata.

    Raises:
        DataError: The split has no folds, or `fold` is none of them.
    """
    parts = np.array(split["part"].to_pylist(), dtype=np.str_)
    folds = _folds(split, np.isin(parts, _LEARNED_FROM))
    count = int(folds.max()) + 1
    if not 0 <= fold < count:
        raise DataError(
            f"This split has the folds 0 to {count - 1}, but fold {fold} was asked for."
        )
    parts[folds >= 0] = "train"
    parts[folds == fold] = "validation"
    place = split.column_names.index("part")
    divided = split.set_column(place, "part", pa.array(parts.tolist(), pa.string()))
    ordered = divided.sort_by([("part", "ascending"), ("file", "ascending")])
    return ordered.replace_schema_metadata(split.schema.metadata)


def _folds(split: pa.Table, learned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return each row's fold, -1 for rows that are not learned from."""
    given = split["fold"].to_pylist() if "fold" in split.column_names else [None] * len(learned)
    folds = np.array([-1 if fold is None else fold for fold in given], dtype=np.int64)
    if not learned.any() or (folds[learned] < 0).any():
        raise DataError(
            "Cross-validation needs the fold of each image that is learned from, but this split "
            "has none; begin a new run with data.folds set."
        )
    return np.where(learned, folds, -1)
