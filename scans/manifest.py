"""The manifest: one row per readable image, and by name what could not be read."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.caches.index import Entry, FileIndex, Stamp, open_index, save_index, stamp_of
from scans.files.folder import LAYOUT, FoundFolder, find_files
from scans.files.found import PHANTOM_MARKER
from scans.pictures.reading import read_facts

__all__ = [
    "PHANTOM_MARKER",
    "SCHEMA",
    "Manifest",
    "Unreadable",
    "content_hash",
    "read_manifest",
]

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("label", pa.string()),
        ("part", pa.string()),
        ("bytes_hash", pa.string()),
        ("pixel_hash", pa.string()),
        ("perceptual_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mode", pa.string()),
        ("format", pa.string()),
    ]
)

_VANISHED = Stamp(-1, 0, 0, 0)
"""Of a file that could not be looked at: equal to no file's."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file in a class folder that is no image we can decode, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything known about a data folder.

    Attributes:
        columns: One entry per readable image, sorted by file, under the names of `SCHEMA`. `part`
            is "train", "validation" or "test", or "all" where the folder does not say. `mode` and
            `format` are the file's own.
        unreadable: The other files, sorted.
        classes: Names of the classes, sorted: the order of every network's outputs.
        fingerprint: Changes with any image's bytes, name, part or class; not with the root's name.
        synthetic: The images are phantom data.
        root: The folder, absolute.
        labels_file: The CSV that the labels come from; None where folders name them.
        unlisted: Files that this CSV does not name, and that are therefore left out.
        signatures: Gives the signature of each row, (images, rings, angles), when it is called:
            most uses need none of them.
    """

    columns: Mapping[str, list[Any]]
    unreadable: tuple[Unreadable, ...]
    classes: tuple[str, ...]
    fingerprint: str
    synthetic: bool
    root: Path
    labels_file: Path | None = None
    unlisted: int = 0
    signatures: Callable[[], NDArray[np.uint8]] = field(compare=False, repr=False)

    @property
    def images(self) -> int:
        """Number of readable images."""
        return len(self.columns["file"])

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        """Return these columns, row by row."""
        return list(zip(*(self.columns[name] for name in names), strict=True))

    @property
    def table(self) -> pa.Table:
        """The columns as a table.

        Not kept as one: making any array, pyarrow imports pandas, which takes a third of a second.
        """
        return pa.Table.from_pydict(dict(self.columns), schema=SCHEMA)


def read_manifest(root: Path, *, labels: Path | None = None, cache: Path | None = None) -> Manifest:
    """Read every file below the class folders of `root`, or those that a CSV names.

    Args:
        root: A folder as `scans.files.folder.find_files` describes it.
        labels: A CSV of file and label, in place of class folders.
        cache: Folder of the caches: files that did not change since they were last read are not
            read again. None reads all of them.

    Returns:
        The manifest; files that cannot be decoded stand in `unreadable`.

    Raises:
        DataError: The folder cannot be used (see `find_files`), or a class has no readable image.
    """
    began = time.time_ns()
    found = find_files(root, labels)
    index = open_index(cache, found.root)
    entries, fresh = _read_changed(found, index)
    if {file: entry for file, entry in entries.items() if _has_facts(entry)} != index.entries:
        known = [file for file, entry in entries.items() if _has_facts(entry) and file not in fresh]
        fresh |= index.signatures(known)
        save_index(index, entries, fresh, began)
        return _manifest(found, entries, lambda _: fresh)
    return _manifest(found, entries, index.signatures)


def content_hash(files: Sequence[str], hashes: Sequence[str]) -> str:
    """Return one hash of a set of files, whatever order they are given in.

    Args:
        files: Paths relative to the root.
        hashes: The hash of each file's bytes, in the same order.
    """
    return _hash_lines(zip(files, hashes, strict=True))


def _read_changed(
    found: FoundFolder, index: FileIndex
) -> tuple[dict[str, Entry], dict[str, NDArray[np.uint8]]]:
    """Return an entry for every file, and the signatures of those that had to be read."""
    # Stamps are taken first: a file that changes while it is read is read again next time.
    stamps = {one.file: stamp_of(found.root / one.file) or _VANISHED for one in found.files}
    entries = {
        file: entry
        for file, stamp in stamps.items()
        if (entry := index.entries.get(file)) is not None and entry.stamp == stamp
    }
    changed = [file for file in stamps if file not in entries]
    fresh: dict[str, NDArray[np.uint8]] = {}
    # Pillow decodes and hashlib hashes without holding the interpreter's lock.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        read = pool.map(lambda file: read_facts(found.root / file), changed)
        for file, found_out in zip(changed, read, strict=True):
            if isinstance(found_out, str):
                entries[file] = Entry(stamps[file], found_out)
            else:
                facts, fresh[file] = found_out
                entries[file] = Entry(stamps[file], facts)
    return entries, fresh


def _has_facts(entry: Entry) -> bool:
    return not isinstance(entry.facts, str)


def _manifest(
    found: FoundFolder,
    entries: Mapping[str, Entry],
    signatures: Callable[[Sequence[str]], Mapping[str, NDArray[np.uint8]]],
) -> Manifest:
    """Bring together what the folder says of the files and what the files say themselves."""
    rows = [
        (one.file, one.label, one.part, *facts)
        for one in found.files
        if not isinstance(facts := entries[one.file].facts, str)
    ]
    columns: dict[str, list[Any]] = {
        name: [row[place] for row in rows] for place, name in enumerate(SCHEMA.names)
    }
    unreadable = _unreadable(found, entries)
    _refuse_empty_class(found, columns, unreadable)

    def in_order() -> NDArray[np.uint8]:
        files = columns["file"]
        by_file = signatures(files)
        return np.stack([by_file[file] for file in files])

    return Manifest(
        columns=columns,
        unreadable=unreadable,
        classes=found.classes,
        fingerprint=_fingerprint(columns),
        synthetic=(found.root / PHANTOM_MARKER).is_file(),
        root=found.root,
        labels_file=found.labels_file,
        unlisted=found.unlisted,
        signatures=in_order,
    )


def _unreadable(found: FoundFolder, entries: Mapping[str, Entry]) -> tuple[Unreadable, ...]:
    """Return the files that gave no image, and those that are no regular files."""
    told = [(file, entry.facts) for file, entry in entries.items() if isinstance(entry.facts, str)]
    return tuple(Unreadable(file=f, reason=r) for f, r in sorted([*told, *found.strange]))


def _fingerprint(columns: Mapping[str, list[Any]]) -> str:
    hashed = ("file", "label", "part", "bytes_hash")
    return _hash_lines(zip(*(columns[name] for name in hashed), strict=True))


def _hash_lines(rows: Iterable[tuple[str, ...]]) -> str:
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(("\0".join(row) + "\n").encode())
    return digest.hexdigest()


def _refuse_empty_class(
    found: FoundFolder, columns: Mapping[str, list[Any]], unreadable: tuple[Unreadable, ...]
) -> None:
    """Raise where a class has no readable image in a part."""
    present = set(zip(columns["part"], columns["label"], strict=True))
    missing = sorted({(part, label) for part in found.parts for label in found.classes} - present)
    if not missing:
        return
    named = ", ".join(label if part == "all" else f"{label} ({part})" for part, label in missing)
    first = "".join(f"; the first is {one.file}: {one.reason}" for one in unreadable[:1])
    raise DataError(
        f"Every class must have readable images, but in {found.root} there are no images of "
        f"{named} ({len(unreadable)} unreadable files{first}); {LAYOUT}."
    )
