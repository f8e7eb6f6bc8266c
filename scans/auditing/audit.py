"""What is wrong with a data folder: the whole audit, as audit.json holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from scans.auditing.findings import findings
from scans.copies.search import Copies
from scans.copies.twins import TwinPairs, pair_twins, tested_with_twins
from scans.files.known_sets import recognise
from scans.manifest import Manifest
from scans.pictures.formats import expected_formats

__all__ = ["audit", "count_classes"]

_LEAST_SIDE = 32  # pixels: below, little of a brain can be seen
_LONGEST = 3.0  # times as long as wide: more is a strip, not a slice
_RARE = 0.01  # share of the images: a colour mode rarer than this is odd


def audit(manifest: Manifest, copies: Copies) -> dict[str, Any]:
    """Count and name a data folder's faults.

    Args:
        manifest: Of the folder.
        copies: Among its images.

    Returns:
        What audit.json holds. Counts: `images` (readable files), `unique` (of different pixels),
        `unreadable`, `unlisted`, `extra_copies_within_parts` (files that repeat another one of
        their part). Lists of pairs of files: `exact_twins_across_parts`,
        `near_twins_across_parts`, `near_twins_within_parts`, `label_conflicts` (equal pixels,
        different labels), `near_label_conflicts`. Lists of files: `unreadable_files`, `odd`,
        `wrong_endings`. By class: `classes` (images by part), `test_images_with_exact_twin` (in
        training or validation) and `test_images_with_near_twin_only` (directly or through further
        copies). Besides `sizes`, `modes`, `formats`, `known_set`, and `findings`, the gravest
        first, in a sentence each.
    """
    pairs = pair_twins(manifest, copies)
    exact, near = tested_with_twins(manifest, copies)
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
        "extra_copies_within_parts": _extra(manifest, copies),
        "test_images_with_exact_twin": exact,
        "test_images_with_near_twin_only": near,
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
    return {name: [list(pair.files) for pair in found] for name, found in pairs._asdict().items()}


def _extra(manifest: Manifest, copies: Copies) -> int:
    """Count the files that repeat a picture of their own part."""
    parts = manifest.columns["part"]
    return len(parts) - len(set(zip(parts, copies.picture.tolist(), strict=True)))


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
        "odd": list(_odd(manifest, modes)),
    }


def _odd(manifest: Manifest, modes: Mapping[str, int]) -> Iterable[dict[str, str]]:
    images = manifest.images
    for file, width, height, mode in manifest.rows("file", "width", "height", "mode"):
        if min(width, height) < _LEAST_SIDE:
            yield {"file": file, "what": f"only {width} x {height} pixels"}
        elif max(width, height) > _LONGEST * min(width, height):
            yield {"file": file, "what": f"a strip of {width} x {height} pixels"}
        if modes[mode] < _RARE * images:
            yield {"file": file, "what": f"mode {mode}, as {modes[mode]} of {images:,} images"}


def _wrong_endings(manifest: Manifest) -> list[dict[str, str]]:
    """Files whose content is another format than their ending says; they are read all the same."""
    return [
        {"file": file, "format": form}
        for file, form in manifest.rows("file", "format")
        if (expected := expected_formats(file)) is not None and form not in expected
    ]
