"""What is wrong with a data folder: the whole audit, as audit.json holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scans.auditing.findings import findings
from scans.copies.search import Copies
from scans.copies.twins import TwinPairs, known_test_images, pair_twins
from scans.files.known_sets import recognise
from scans.manifest import Manifest
from scans.pictures.formats import expected_formats

__all__ = ["audit", "count_classes"]

_LEAST_SIDE = 32  # pixels: below, little of a brain can be seen
_LONGEST = 3.0  # times as long as wide: more is a strip, not a slice
_ALIKE = 0.95  # share of the images of one size: with so many, another size is odd
_RARE = 0.01  # share of the images: a colour mode rarer than this is odd


def audit(
    manifest: Manifest, copies: Copies, groups: NDArray[np.int32] | None = None
) -> dict[str, Any]:
    """Count and name a data folder's faults.

    Args:
        manifest: Of the folder.
        copies: Among its images.
        groups: Number of each row's group, (images,), where a CSV of groups was read.

    Returns:
        What audit.json holds. Counts: `images` (readable files), `unique` (of different pixels),
        `groups` (copies counted as one), `unreadable`, `unlisted`, `extra_copies_within_parts`
        (files that repeat another one of their part). Pairs of files, the first 10,000 of each
        kind, of all of which `totals` has the number: `exact_twins_across_parts`,
        `exact_twins_within_parts` (each with the first of its part), `near_twins_across_parts`,
        `near_twins_within_parts`, `label_conflicts` (equal pixels, different labels),
        `near_label_conflicts`. Lists of files: `unreadable_files`, `odd`, `wrong_endings`. By
        class: `classes` (images by part); and of the test images those that training or validation
        knows: `test_images_with_exact_twin`, `test_images_with_near_twin_only` (directly or
        through further copies), `test_images_of_known_group_only` (by the CSV; None without one).
        Besides `sizes`, `modes`, `formats`, `known_set`, and `findings`, the gravest first, in a
        sentence each.
    """
    pairs = pair_twins(manifest, copies)
    exact, near, grouped = known_test_images(manifest, copies, groups)
    classes = count_classes(manifest)
    found = {
        "fingerprint": manifest.fingerprint,
        "synthetic": manifest.synthetic,
        "images": manifest.images,
        "unique": len(set(copies.picture.tolist())),
        "groups": len(set(copies.groups.tolist())),
        "known_set": _known_set(manifest, classes),
        "classes": classes,
        "unreadable": len(manifest.unreadable),
        "unreadable_files": [{"file": u.file, "reason": u.reason} for u in manifest.unreadable],
        "labels_file": None if manifest.labels_file is None else manifest.labels_file.name,
        "unlisted": manifest.unlisted,
        **_twins(pairs),
        "totals": {name: listed.total for name, listed in pairs._asdict().items()},
        "extra_copies_within_parts": pairs.exact_twins_within_parts.total,
        "test_images_with_exact_twin": exact,
        "test_images_with_near_twin_only": near,
        "test_images_of_known_group_only": None if groups is None else grouped,
        **_looks(manifest),
        "wrong_endings": _wrong_endings(manifest),
    }
    return {**found, "findings": findings(found)}


def count_classes(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Count a folder's readable images, by part and class."""
    counts: dict[str, dict[str, int]] = {}
    for part, label in manifest.rows("part", "label"):
        of_part = counts.setdefault(part, dict.fromkeys(manifest.classes, 0))
        of_part[label] += 1
    return counts


def _known_set(manifest: Manifest, classes: Mapping[str, Mapping[str, int]]) -> Any:
    known = recognise(classes, manifest.root.name)
    return None if known is None else dict(vars(known))


def _twins(pairs: TwinPairs) -> dict[str, list[list[str]]]:
    return {
        name: [list(pair.files) for pair in listed.pairs]
        for name, listed in pairs._asdict().items()
    }


def _looks(manifest: Manifest) -> dict[str, Any]:
    """Sizes, modes and formats, and which images are odd in them."""
    sizes = Counter(manifest.rows("width", "height"))
    modes = Counter(manifest.columns["mode"])
    formats = Counter(manifest.columns["format"])
    listed = [{"width": w, "height": h, "images": n} for (w, h), n in sizes.most_common()]
    return {
        "sizes": listed,
        "modes": dict(modes.most_common()),
        "formats": dict(formats.most_common()),
        "odd": list(_odd(manifest, sizes, modes)),
    }


def _odd(
    manifest: Manifest, sizes: Counter[tuple[int, int]], modes: Mapping[str, int]
) -> Iterable[dict[str, str]]:
    images = manifest.images
    usual, share = sizes.most_common(1)[0]
    alike = share >= _ALIKE * images
    for file, width, height, mode in manifest.rows("file", "width", "height", "mode"):
        if min(width, height) < _LEAST_SIDE:
            yield {"file": file, "what": f"only {width} x {height} pixels"}
        elif max(width, height) > _LONGEST * min(width, height):
            yield {"file": file, "what": f"a strip of {width} x {height} pixels"}
        elif alike and (width, height) != usual:
            size = f"{width} x {height} pixels, where most are {usual[0]} x {usual[1]}"
            yield {"file": file, "what": size}
        if modes[mode] < _RARE * images:
            yield {"file": file, "what": f"mode {mode}, as {modes[mode]} of {images:,} images"}


def _wrong_endings(manifest: Manifest) -> list[dict[str, str]]:
    """Files whose content is another format than their ending says; they are read all the same."""
    return [
        {"file": file, "format": form}
        for file, form in manifest.rows("file", "format")
        if (expected := expected_formats(file)) is not None and form not in expected
    ]
