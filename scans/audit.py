"""What is wrong with a data folder: copies across parts, copies within, conflicting labels."""

from collections import Counter, defaultdict
from itertools import combinations, product
from typing import Any, NamedTuple

from scans.manifest import Manifest


class _Copy(NamedTuple):
    file: str
    label: str
    part: str


def audit(manifest: Manifest) -> dict[str, Any]:
    """Count and name an image folder's faults; two images are twins when all pixels are equal.

    Args:
        manifest: Of the folder.

    Returns:
        What audit.json holds: `images` (readable files), `unique` (of different pixels),
        `unreadable` (count) and `unreadable_files` (file and reason),
        `exact_twins_across_parts` (every pair of a training and a test file),
        `near_twins_across_parts` (None: not measured), `label_conflicts` (pairs of files with
        equal pixels and different labels), `extra_copies_within_parts` (count of files that
        repeat another one of their part).
    """
    groups = _groups(manifest)
    return {
        "images": manifest.table.num_rows,
        "unique": len(groups),
        "unreadable": len(manifest.unreadable),
        "unreadable_files": [{"file": u.file, "reason": u.reason} for u in manifest.unreadable],
        "exact_twins_across_parts": [pair for group in groups for pair in _across(group)],
        "near_twins_across_parts": None,
        "label_conflicts": [pair for group in groups for pair in _conflicts(group)],
        "extra_copies_within_parts": sum(_extra(group) for group in groups),
    }


def _groups(manifest: Manifest) -> list[list[_Copy]]:
    """Gather the files of equal pixels, in the manifest's order."""
    groups: dict[str, list[_Copy]] = defaultdict(list)
    for row in manifest.table.to_pylist():
        groups[row["pixel_hash"]].append(_Copy(row["file"], row["label"], row["part"]))
    return list(groups.values())


def _across(group: list[_Copy]) -> list[list[str]]:
    """Pair each training file of a group with each of its test files."""
    train = [copy.file for copy in group if copy.part == "train"]
    test = [copy.file for copy in group if copy.part == "test"]
    return [list(pair) for pair in product(train, test)]


def _conflicts(group: list[_Copy]) -> list[list[str]]:
    return [[a.file, b.file] for a, b in combinations(group, 2) if a.label != b.label]


def _extra(group: list[_Copy]) -> int:
    return sum(count - 1 for count in Counter(copy.part for copy in group).values())
