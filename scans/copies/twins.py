"""Copies as pairs of files: across parts, within them, and under two classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from scans.copies.search import Copies
from scans.manifest import Manifest

__all__ = ["TwinPairs", "Twins", "pair_twins", "tested_with_twins"]

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


class TwinPairs(NamedTuple):
    """Pairs of a data set by what they mean; a pair may stand in two lists."""

    exact_twins_across_parts: list[Twins]
    near_twins_across_parts: list[Twins]
    label_conflicts: list[Twins]
    near_label_conflicts: list[Twins]
    near_twins_within_parts: list[Twins]


def pair_twins(manifest: Manifest, copies: Copies) -> TwinPairs:
    """List the pairs of files that are copies of one another.

    Args:
        manifest: Of the data folder.
        copies: Among its images.
    """
    files = _files_by_picture(manifest, copies)
    exact = [twins for one in files.values() for twins in _pairs(combinations(one, 2), None)]
    near = [
        twins
        for (a, b), similarity in zip(copies.near.tolist(), copies.similarity, strict=True)
        for twins in _pairs(product(files[a], files[b]), float(similarity))
    ]
    exact.sort(key=lambda twins: twins.files)
    near.sort(key=lambda twins: twins.files)
    return TwinPairs(
        exact_twins_across_parts=[twins for twins in exact if _across(twins)],
        near_twins_across_parts=[twins for twins in near if _across(twins)],
        label_conflicts=[twins for twins in exact if _in_conflict(twins)],
        near_label_conflicts=[twins for twins in near if _in_conflict(twins)],
        near_twins_within_parts=[twins for twins in near if not _across(twins)],
    )


def tested_with_twins(manifest: Manifest, copies: Copies) -> tuple[dict[str, int], dict[str, int]]:
    """Count the test images that training or validation knows already, by class.

    Returns:
        Those with an exact copy there; and those with near copies only, directly or through
        further copies. Empty where the folder has no test part.
    """
    labels = np.array(manifest.columns["label"])
    test = np.array([part == "test" for part in manifest.columns["part"]])
    exact = test & np.isin(copies.picture, copies.picture[~test])
    near = test & np.isin(copies.groups, copies.groups[~test]) & ~exact
    classes = sorted(set(labels[test].tolist()))
    counts = [
        {label: int((of & (labels == label)).sum()) for label in classes} for of in (exact, near)
    ]
    return counts[0], counts[1]


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


def _across(twins: Twins) -> bool:
    return twins.parts[0] != twins.parts[1]


def _in_conflict(twins: Twins) -> bool:
    return twins.labels[0] != twins.labels[1]
