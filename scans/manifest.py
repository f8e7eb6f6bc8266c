"""The manifest: one row per readable image, and by name what could not be read."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from neurosweep.errors import DataError
from scans.decode import read_image
from scans.folder import LAYOUT, FoundFile, FoundFolder, find_files

PHANTOM_MARKER = "phantom.json"
"""A file of this name in the root says that the images are synthetic."""

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("label", pa.string()),
        ("part", pa.string()),
        ("bytes_hash", pa.string()),
        ("pixel_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mode", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file in a class folder that is no image we can decode, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything known about a data folder.

    Attributes:
        table: One row per readable image, sorted by file; columns as in `SCHEMA`. `part` is
            "train" or "test", or "all" where the folder does not say.
        unreadable: The other files, sorted.
        classes: Names of the classes, sorted: the order of every network's outputs.
        fingerprint: Changes with any image's bytes, place or class; not with the root's name.
        synthetic: The images are phantom data.
        root: The folder, absolute.
    """

    table: pa.Table
    unreadable: tuple[Unreadable, ...]
    classes: tuple[str, ...]
    fingerprint: str
    synthetic: bool
    root: Path


def read_manifest(root: Path) -> Manifest:
    """Read every file below the class folders of `root`.

    Args:
        root: A folder as `scans.folder.find_files` describes it.

    Returns:
        The manifest; files that cannot be decoded stand in `unreadable`.

    Raises:
        DataError: The folder cannot be used (see `find_files`), or a class has no readable image.
    """
    found = find_files(root)
    # Pillow decodes and hashlib hashes without holding the interpreter's lock.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        records = list(pool.map(lambda file: _read(found.root, file), found.files))
    rows = [record for record in records if isinstance(record, dict)]
    unreadable = tuple(record for record in records if isinstance(record, Unreadable))
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    _refuse_empty_class(found, table, unreadable)
    return Manifest(
        table=table,
        unreadable=unreadable,
        classes=found.classes,
        fingerprint=content_hash(table["file"].to_pylist(), table["bytes_hash"].to_pylist()),
        synthetic=(found.root / PHANTOM_MARKER).is_file(),
        root=found.root,
    )


def hash_bytes(content: bytes) -> str:
    """Return the hash under which a file's bytes stand in the manifest."""
    return hashlib.sha256(content).hexdigest()


def content_hash(files: list[str], hashes: list[str]) -> str:
    """Return one hash of a set of files, whatever order they are given in.

    Args:
        files: Paths relative to the root; they contain the part and the class.
        hashes: The hash of each file's bytes, in the same order.
    """
    digest = hashlib.sha256()
    for file, file_hash in sorted(zip(files, hashes, strict=True)):
        digest.update(f"{file}\0{file_hash}\n".encode())
    return digest.hexdigest()


def _read(root: Path, found: FoundFile) -> dict[str, object] | Unreadable:
    """Return a row of the manifest, or why there is none."""
    try:
        content = (root / found.file).read_bytes()
        image = read_image(content)
    except (DataError, OSError) as error:
        return Unreadable(file=found.file, reason=str(error))
    return {
        "file": found.file,
        "label": found.label,
        "part": found.part,
        "bytes_hash": hash_bytes(content),
        "pixel_hash": _hash_pixels(image),
        "width": image.width,
        "height": image.height,
        "mode": image.mode,
    }


def _hash_pixels(image: Image.Image) -> str:
    """Hash what is seen: a grey picture has one hash, saved as L or as RGB, PNG or BMP."""
    digest = hashlib.sha256(f"{image.width}x{image.height}".encode())
    digest.update(np.ascontiguousarray(image.convert("RGB")).data)
    return digest.hexdigest()


def _refuse_empty_class(
    found: FoundFolder, table: pa.Table, unreadable: tuple[Unreadable, ...]
) -> None:
    """Raise where a class has no readable image in a part."""
    present = set(zip(table["part"].to_pylist(), table["label"].to_pylist(), strict=True))
    missing = sorted({(part, label) for part in found.parts for label in found.classes} - present)
    if not missing:
        return
    named = ", ".join(label if part == "all" else f"{label} ({part})" for part, label in missing)
    first = "".join(f"; the first is {one.file}: {one.reason}" for one in unreadable[:1])
    raise DataError(
        f"Every class must have readable images, but in {found.root} there are no images of "
        f"{named} ({len(unreadable)} unreadable files{first}); {LAYOUT}."
    )
