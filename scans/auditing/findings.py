"""What an audit found that deserves a second look, in a sentence each, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["IMBALANCED", "findings"]

IMBALANCED = 2.0
"""The largest class has more than this many times the images of the smallest: a finding."""

_Audit = Mapping[str, Any]


def findings(audit: _Audit) -> list[dict[str, Any]]:
    """Name what was found, each with `kind`, `count` and `sentence`.

    Args:
        audit: All other entries of audit.json.
    """
    told = ((kind, *look(audit)) for kind, look in _LOOKS.items())
    return [{"kind": kind, "count": n, "sentence": text} for kind, n, text in told if n]


def _other_counts(audit: _Audit) -> tuple[int, str]:
    known = audit["known_set"]
    differs = known is not None and known["verdict"] == "differs"
    return int(differs), known["note"] if differs else ""


def _unreadable(audit: _Audit) -> tuple[int, str]:
    count = audit["unreadable"]
    return count, f"{_files(count)} unreadable as an image, and left out."


def _conflicts(audit: _Audit) -> tuple[int, str]:
    count = audit["totals"]["label_conflicts"]
    return count, f"{_pairs(count)} of files with equal pixels under two classes."


def _near_conflicts(audit: _Audit) -> tuple[int, str]:
    count = audit["totals"]["near_label_conflicts"]
    return count, f"{_pairs(count)} of near-duplicates under two classes."


def _exact_leaks(audit: _Audit) -> tuple[int, str]:
    pairs = audit["totals"]["exact_twins_across_parts"]
    tested = sum(audit["test_images_with_exact_twin"].values())
    return pairs, (
        f"{_pairs(pairs)} of files with equal pixels in different parts. Test images that stand in "
        f"training or validation as well: {tested:,}."
    )


def _near_leaks(audit: _Audit) -> tuple[int, str]:
    pairs = audit["totals"]["near_twins_across_parts"]
    tested = sum(audit["test_images_with_near_twin_only"].values())
    return pairs, (
        f"{_pairs(pairs)} of near-duplicates in different parts (flipped, turned, brightened, "
        f"compressed again). Further test images known from training or validation: {tested:,}."
    )


def _known_groups(audit: _Audit) -> tuple[int, str]:
    tested = sum((audit["test_images_of_known_group_only"] or {}).values())
    return tested, (
        f"Test images that share a group of the CSV with training or validation: {tested:,}."
    )


def _extra(audit: _Audit) -> tuple[int, str]:
    count = audit["extra_copies_within_parts"]
    return count, f"{_files(count)} with the pixels of another one of the same part."


def _near_within(audit: _Audit) -> tuple[int, str]:
    count = audit["totals"]["near_twins_within_parts"]
    return count, (
        f"{_pairs(count)} of near-duplicates within a part; training and validation are divided "
        "so that they stay together."
    )


def _imbalance(audit: _Audit) -> tuple[int, str]:
    totals: dict[str, int] = {}
    for counts in audit["classes"].values():
        for label, images in counts.items():
            totals[label] = totals.get(label, 0) + images
    most, least = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    uneven = totals[most] > IMBALANCED * totals[least]
    return int(uneven), (
        f"Classes are uneven: {most} has {totals[most]:,} images, {least} {totals[least]:,}."
    )


def _odd(audit: _Audit) -> tuple[int, str]:
    count = len({one["file"] for one in audit["odd"]})
    return count, f"{_files(count)} of a size or a colour mode unlike the others'."


def _endings(audit: _Audit) -> tuple[int, str]:
    count = len(audit["wrong_endings"])
    return count, f"{_files(count)} of another format than the ending says, read all the same."


def _unlisted(audit: _Audit) -> tuple[int, str]:
    count = audit["unlisted"]
    return count, f"{_files(count)} not named in {audit['labels_file']}, and left out."


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


_LOOKS: Mapping[str, Callable[[_Audit], tuple[int, str]]] = {
    "other counts than the set it is named after": _other_counts,
    "same picture, two classes": _conflicts,
    "exact twins across parts": _exact_leaks,
    "near twins across parts": _near_leaks,
    "groups across parts": _known_groups,
    "near twins, two classes": _near_conflicts,
    "unreadable files": _unreadable,
    "copies within a part": _extra,
    "near twins within a part": _near_within,
    "uneven classes": _imbalance,
    "odd sizes and modes": _odd,
    "endings that mislead": _endings,
    "files without a label": _unlisted,
}
