"""Which images two runs both had in the same part: the ones that their winners compare on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError, UserError
from reports.predictions import Part, Truth, true_labels
from reports.run import Run

__all__ = ["CommonImages", "MatchedBy", "common_images", "matched_by"]

MatchedBy = str
"""What makes an image of one run the same as one of the other: file or content."""

_HOW = (
    "Give two runs of the same images, divided with the same data.validation and search.seed, or "
    "compare them on --part test"
)


@dataclass(frozen=True, eq=False)
class CommonImages:
    """The images that two runs have in common in a part.

    Attributes:
        first: All of the first run's images of the part, and their classes; `second` of the other.
        rows_of_first: (images,) places of the common ones among them; `rows_of_second` in the same
            order.
        matched_by: file, where both runs had the same data; content, where they were told by hash.
    """

    first: Truth
    second: Truth
    rows_of_first: NDArray[np.int64]
    rows_of_second: NDArray[np.int64]
    matched_by: MatchedBy

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.rows_of_first)

    @property
    def groups(self) -> NDArray[np.int64]:
        """(images,) numbers that copies of each other share, as the first run found them."""
        return self.first.groups[self.rows_of_first]

    @property
    def are_all(self) -> bool:
        """Whether neither run has further images in the part."""
        return len(self.first.files) == len(self.second.files) == self.images


def matched_by(first: Run, second: Run) -> MatchedBy:
    """Tell how images are matched: `content` also reads each run's manifest.parquet."""
    same = first.fingerprint is not None and first.fingerprint == second.fingerprint
    return "file" if same else "content"


def common_images(first: Run, second: Run, part: Part) -> CommonImages:
    """Find the images that two runs both have in a part.

    Raises:
        UserError: They have no image of the part in common, other classes, or another label for
            the same image.
        RunDirectoryError: A split or a manifest is missing or damaged.
    """
    ours, theirs = _truth(first, part), _truth(second, part)
    if sorted(ours.classes) != sorted(theirs.classes):
        raise UserError(
            "runs are compared that learned the same classes; received "
            f"{', '.join(ours.classes)} ({first.path}) and {', '.join(theirs.classes)} "
            f"({second.path}). {_HOW}."
        )
    by = matched_by(first, second)
    keys = [
        truth.files if by == "file" else _contents(run, truth)
        for run, truth in ((first, ours), (second, theirs))
    ]
    place = {key: row for row, key in enumerate(keys[1])}
    rows = [(row, place[key]) for row, key in enumerate(keys[0]) if key in place]
    if not rows:
        told = "file" if by == "file" else "content, since their data fingerprints differ"
        raise UserError(
            f"winners are compared on images that both runs had in their {part} part; "
            f"{first.path} and {second.path} have none in common by {told}. {_HOW}."
        )
    pairs = np.array(rows, np.int64)
    common = CommonImages(ours, theirs, pairs[:, 0], pairs[:, 1], by)
    _refuse_other_labels(first, second, common)
    return common


def _truth(run: Run, part: Part) -> Truth:
    truth = true_labels(run, part)
    if truth is None:
        raise RunDirectoryError(
            f"a run has its images in split.parquet; {run.path} has no {part} images there. "
            "Restore the file, or wait until the search has prepared its data."
        )
    return truth


def _contents(run: Run, truth: Truth) -> Sequence[object]:
    """What tells each image by its bytes; of equal ones, the how manieth it is of the part."""
    hashes = _hashes(run)
    unknown = next((file for file in truth.files if file not in hashes), None)
    if unknown is not None:
        raise RunDirectoryError(
            f"{run.path / 'manifest.parquet'} must list every image of split.parquet; {unknown} is "
            "not in it. Restore both from the same copy of the run."
        )
    seen: Counter[str] = Counter()
    keys = []
    for file in truth.files:
        seen[hashes[file]] += 1
        keys.append((hashes[file], seen[hashes[file]]))
    return keys


def _hashes(run: Run) -> dict[str, str]:
    from reports.tables import Kind, read_table

    path = run.path / "manifest.parquet"
    if not path.is_file():
        raise RunDirectoryError(
            "runs with different data fingerprints are compared image by image, by the hashes in "
            f"manifest.parquet; there is none in {run.path}. Restore it. {_HOW}."
        )
    columns: dict[str, Kind] = {"file": "text", "bytes_hash": "text"}
    table = read_table(path, columns, optional={}, advice="Restore it.")
    files, hashes = (table.column(name).to_pylist() for name in columns)
    return dict(zip(files, hashes, strict=True))


def _refuse_other_labels(first: Run, second: Run, common: CommonImages) -> None:
    ours = np.array(common.first.classes)[common.first.labels[common.rows_of_first]]
    theirs = np.array(common.second.classes)[common.second.labels[common.rows_of_second]]
    differ = np.flatnonzero(ours != theirs)
    if len(differ):
        one = int(differ[0])
        file = common.first.files[common.rows_of_first[one]]
        raise UserError(
            f"an image has one label in both runs; {len(differ)} of {common.images} have two: "
            f"{file} is {ours[one]} in {first.path} and {theirs[one]} in {second.path}. Compare "
            "runs that were labelled alike."
        )
