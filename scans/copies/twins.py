"""Copies as pairs of files: across parts, within them, and under two classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scans.copies.search import Copies
from scans.manifest import Manifest

__all__ = ["MOST_LISTED", "Listed", "TwinPairs", "Twins", "known_test_images", "pair_twins"]

MOST_LISTED = 10_000
"""Pairs of one kind that are listed by name; all are counted."""

_ORDER = {"all": 0, "train": 0, "validation": 1, "test": 2}


class _File(NamedTuple):
    file: str
    label: str
    part: str


class Twins(NamedTuple):
    """Two files that show the same picture.

    Attributes:
        files: Training before validation before test, then by name.
        labels: Of each.
        parts: Of each.
        similarity: None where all pixels are equal; else `scans.copies.resemblance.NEAR` to 1.
    """

    files: tuple[str, str]
    labels: tuple[str, str]
    parts: tuple[str, str]
    similarity: float | None


class Listed:
    """Pairs that are counted, and of which the first are kept.

    Their number grows with the square of how often a picture was copied, so that a folder of
    placeholders has millions.

    Attributes:
        total: How many there are.
    """

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[Twins] = []

    def add(self, twins: Twins) -> None:
        """Count a pair, and keep it if it is among the first by its files."""
        self.total += 1
        self._kept.append(twins)
        if len(self._kept) > 2 * MOST_LISTED:
            self._kept = self.pairs

    @property
    def pairs(self) -> list[Twins]:
        """The first pairs by their files, `MOST_LISTED` at most."""
        return sorted(self._kept, key=lambda twins: twins.files)[:MOST_LISTED]


class TwinPairs(NamedTuple):
    """Pairs of a data set by what they mean; a pair may stand in two lists.

    Of files within a part that have equal pixels, each is paired with the first one only; all other
    lists have every pair.
    """

    exact_twins_across_parts: Listed
    exact_twins_within_parts: Listed
    near_twins_across_parts: Listed
    label_conflicts: Listed
    near_label_conflicts: Listed
    near_twins_within_parts: Listed


def pair_twins(manifest: Manifest, copies: Copies) -> TwinPairs:
    """List the pairs of files that are copies of one another.

    Args:
        manifest: Of the data folder.
        copies: Among its images.
    """
    found = TwinPairs(*(Listed() for _ in TwinPairs._fields))
    files = _files_by_picture(manifest, copies)
    for equal in files.values():
        for twins in _repeated(equal):
            found.exact_twins_within_parts.add(twins)
        for twins in _pairs(combinations(equal, 2), None):
            if _across(twins):
                found.exact_twins_across_parts.add(twins)
            if _in_conflict(twins):
                found.label_conflicts.add(twins)
    for (a, b), similarity in zip(copies.near.tolist(), copies.similarity.tolist(), strict=True):
        for twins in _pairs(product(files[a], files[b]), similarity):
            if _across(twins):
                found.near_twins_across_parts.add(twins)
            else:
                found.near_twins_within_parts.add(twins)
            if _in_conflict(twins):
                found.near_label_conflicts.add(twins)
    return found


def known_test_images(
    manifest: Manifest, copies: Copies, groups: NDArray[np.int32] | None = None
) -> tuple[dict[str, int], ...]:
    """Count the test images that training or validation knows already, by class.

    Args:
        manifest: Of the data folder.
        copies: Among its images.
        groups: Number of each row's group by a CSV, (images,), or None.

    Returns:
        Those with an exact copy there; those with near copies only, directly or through further
        copies; and those that only share a group. Empty where the folder has no test part.
    """
    labels = np.array(manifest.columns["label"])
    test = np.array([part == "test" for part in manifest.columns["part"]])
    known = np.zeros(len(test), dtype=np.bool_)
    counts = []
    for numbers in (copies.picture, copies.groups, copies.groups if groups is None else groups):
        found = test & ~known & np.isin(numbers, numbers[~test])
        known |= found
        counts.append(
            {name: int((found & (labels == name)).sum()) for name in sorted(set(labels[test]))}
        )
    return tuple({str(name): count for name, count in one.items()} for one in counts)


def _files_by_picture(manifest: Manifest, copies: Copies) -> dict[int, list[_File]]:
    files: dict[int, list[_File]] = defaultdict(list)
    rows = manifest.rows("file", "label", "part")
    for picture, row in zip(copies.picture.tolist(), rows, strict=True):
        files[picture].append(_File(*row))
    return files


def _pairs(pairs: Iterator[tuple[_File, _File]], similarity: float | None) -> Iterator[Twins]:
    for pair in pairs:
        one, other = sorted(pair, key=lambda file: (_ORDER[file.part], file.file))
        yield Twins(
            (one.file, other.file), (one.label, other.label), (one.part, other.part), similarity
        )


def _repeated(files: list[_File]) -> Iterator[Twins]:
    """Pair the first file of each part with every other one of that part."""
    by_part: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        by_part[file.part].append(file)
    for first, *others in by_part.values():
        yield from _pairs(((first, other) for other in others), None)


def _across(twins: Twins) -> bool:
    return twins.parts[0] != twins.parts[1]


def _in_conflict(twins: Twins) -> bool:
    return twins.labels[0] != twins.labels[1]
