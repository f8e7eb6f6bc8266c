"""The split: which image trains, which one validates, which one is kept for the test.

Images of one group, copies of one another or slices of one patient, never stand on both sides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.division.draw import Rows, draw_share, number_folds
from scans.manifest import Manifest, content_hash

__all__ = ["CONTENT_KEY", "TEST_SHARE", "Division", "parts_hash", "split"]

TEST_SHARE = 0.2
"""Share of the images, without those of the folder's own validation part, that is set aside for the
test where the folder has no Testing."""

_MOST_FOLDS = 100

CONTENT_KEY = b"neurosweep.content"
"""Schema metadata of a split: hash of its images' bytes, compared when they are decoded."""


@dataclass(frozen=True, kw_only=True)
class Division:
    """How images are to be divided; the same values divide the same images alike.

    Attributes:
        validation: Share of the images that are not for the test, between 0 and 1 (exclusive).
            Where the folder has a validation part, that part is taken instead.
        seed: Chooses the images, at least 0.
        folds: Number of folds to number for cross-validation, 2 to 100; None numbers none.
        drop_leaks: Take copies of test images out of training and validation.
    """

    validation: float
    seed: int
    folds: int | None = None
    drop_leaks: bool = False

    def __post_init__(self) -> None:
        """Raise DataError for a value out of range."""
        if not 0 < self.validation < 1:
            raise DataError(
                f"The validation share must lie between 0 and 1, but it is {self.validation}."
            )
        if self.folds is not None and not 2 <= self.folds <= _MOST_FOLDS:
            raise DataError(
                f"Cross-validation needs 2 to {_MOST_FOLDS} folds, but it is {self.folds}."
            )


def split(manifest: Manifest, groups: NDArray[np.int32], division: Division) -> pa.Table:
    """Divide the images by class and group, the same way for the same seed.

    The test part is that of the folder; where it has none, `TEST_SHARE` of the images, whole
    groups of them, is set aside first. A group that a folder's own Training and Validation share
    goes to training, so that validation stays honest.

    Args:
        manifest: Of the data folder.
        groups: Number of each row's group, (images,).
        division: How to divide.

    Returns:
        Columns file, label, part ("train", "validation", "test", or "dropped" for copies of test
        images that are kept out of training), group, and fold (None but for images that train or
        validate, and None for all without `division.folds`). Sorted by part and file.

    Raises:
        DataError: A class has too few images, or too few groups, to be divided.
    """
    rows = Rows(labels=np.array(manifest.columns["label"]), groups=groups)
    parts = np.array(manifest.columns["part"], dtype="U10")
    own_validation = bool((parts == "validation").any())
    if not (parts == "test").any():
        # What the folder's own validation part has as well would be no test.
        validated = np.isin(groups, groups[parts == "validation"])
        open_to_test = np.flatnonzero(~validated)
        parts[draw_share(rows, open_to_test, share=TEST_SHARE, seed=division.seed)] = "test"
    if division.drop_leaks:
        leaks = np.isin(groups, groups[parts == "test"]) & (parts != "test")
        parts[leaks] = "dropped"
    if own_validation:
        _clear_validation(rows, parts)
    else:
        _draw_validation(rows, parts, division)
    _refuse_empty_part(rows, parts)
    return _table(manifest, rows, parts, _folds(rows, parts, division))


def parts_hash(table: pa.Table) -> str:
    """Return a hash of which image is in which part: equal splits have equal ones."""
    return content_hash(table["file"].to_pylist(), table["part"].to_pylist())


def _clear_validation(rows: Rows, parts: NDArray[np.str_]) -> None:
    """Send what training and the folder's own validation share to training, in place."""
    parts[parts == "all"] = "train"
    shared = np.isin(rows.groups, rows.groups[parts == "train"])
    parts[(parts == "validation") & shared] = "train"


def _draw_validation(rows: Rows, parts: NDArray[np.str_], division: Division) -> None:
    """Name the training and the validation images, in place."""
    rest = np.flatnonzero((parts == "train") | (parts == "all"))
    parts[rest] = "train"
    parts[draw_share(rows, rest, share=division.validation, seed=division.seed)] = "validation"


def _refuse_empty_part(rows: Rows, parts: NDArray[np.str_]) -> None:
    """Raise where a class has no image to train on or none to validate on."""
    for part in ("train", "validation", "test"):
        missing = sorted(set(rows.labels) - set(rows.labels[parts == part]))
        if missing:
            counts = ", ".join(f"{label} {n}" for label, n in sorted(Counter(rows.labels).items()))
            raise DataError(
                f"Every class needs images to train, to validate and to test on, but the {part} "
                f"part has none of {', '.join(missing)} (images: {counts}; copies of one picture "
                "stay in one part); add images or change the share."
            )


def _folds(
    rows: Rows, parts: NDArray[np.str_], division: Division
) -> NDArray[np.int8] | list[None]:
    if division.folds is None:
        return [None] * len(parts)
    used = np.flatnonzero((parts == "train") | (parts == "validation"))
    folds = np.full(len(parts), -1, dtype=np.int8)
    folds[used] = number_folds(rows, used, folds=division.folds, seed=division.seed)
    return folds


def _table(
    manifest: Manifest,
    rows: Rows,
    parts: NDArray[np.str_],
    folds: NDArray[np.int8] | list[None],
) -> pa.Table:
    files = manifest.columns["file"]
    numbers = [None if fold is None or fold < 0 else int(fold) for fold in folds]
    table = pa.table(
        {
            "file": files,
            "label": pa.array(manifest.columns["label"], pa.string()),
            "part": parts.tolist(),
            "group": pa.array(rows.groups, pa.int32()),
            "fold": pa.array(numbers, pa.int8()),
        }
    ).sort_by([("part", "ascending"), ("file", "ascending")])
    content = content_hash(files, manifest.columns["bytes_hash"])
    return table.replace_schema_metadata({CONTENT_KEY: content.encode()})
