"""Remembers what was read of a data folder's files, so that what did not change is not read again.

One Parquet file per data folder, in the cache. A file counts as unchanged while its size, its
times of change and its inode are those it was read with.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from scans.copies.signature import SIGNATURE_SHAPE, SIGNATURE_VERSION
from scans.files.whole_files import read_table, table_bytes, write_whole
from scans.pictures.decode import RESIZE_VERSION
from scans.pictures.reading import FileFacts

__all__ = ["Entry", "FileIndex", "Stamp", "open_index", "save_index", "stamp_of"]

_log = logging.getLogger(__name__)


def _version(distribution: str) -> str:
    """The version of an extra; "none" where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


_MADE_BY = (
    f"v2 signature {SIGNATURE_VERSION} pixels {RESIZE_VERSION} Pillow {PIL.__version__} "
    f"pydicom {_version('pydicom')}"
)
"""What the remembered facts depend on beside the files; another value makes them void."""

_MADE_BY_KEY = b"neurosweep.made_by"

# A file changed twice within the clock's grain keeps its times. So what was changed this shortly
# before it was read is read again the next time, as Git does with its index.
_GRAIN_NS = 2_000_000_000


class Stamp(NamedTuple):
    """By what an unchanged file is known."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Entry(NamedTuple):
    """One file as it was read: its facts, or why it has none.

    Only facts are remembered. Why a file cannot be read may lie elsewhere, in a decoder that is
    not installed or a disk that failed once, and be other the next time.
    """

    stamp: Stamp
    facts: FileFacts | str


_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        *((name, pa.int64()) for name in Stamp._fields),
        *(
            (name, pa.int32() if name in ("width", "height") else pa.string())
            for name in FileFacts._fields
        ),
        ("signature", pa.binary(int(np.prod(SIGNATURE_SHAPE)))),
    ],
    metadata={_MADE_BY_KEY: _MADE_BY.encode()},
)


@dataclass(frozen=True)
class FileIndex:
    """What is remembered of a data folder.

    Attributes:
        path: Where it is kept; None where nothing is.
        entries: By file, relative to the data folder.
    """

    path: Path | None
    entries: Mapping[str, Entry]

    def signatures(self, files: Sequence[str]) -> dict[str, NDArray[np.uint8]]:
        """Read the signatures of these files, each (rings, angles); all must be remembered.

        Raises:
            NeurosweepError: The index changed since it was opened.
        """
        if self.path is None or not files:
            return {}
        try:
            table = read_table(self.path, ["file", "signature"])
        except (OSError, pa.ArrowException, KeyError) as error:
            raise NeurosweepError(
                f"The index {self.path} must stay while it is used, but it changed ({error}); "
                "do the same again."
            ) from error
        wanted = set(files)
        rows = zip(table["file"].to_pylist(), table["signature"].to_pylist(), strict=True)
        return {
            file: np.frombuffer(content, dtype=np.uint8).reshape(SIGNATURE_SHAPE)
            for file, content in rows
            if file in wanted
        }


def open_index(cache: Path | None, root: Path) -> FileIndex:
    """Open what is remembered of a data folder; empty where nothing is, or it is of no use.

    Args:
        cache: Folder of the caches; None remembers nothing.
        root: The data folder, absolute; moving it begins a new index.
    """
    if cache is None:
        return FileIndex(None, {})
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    path = cache / "manifests" / f"{name}.parquet"
    try:
        table = read_table(path, [name for name in _SCHEMA.names if name != "signature"])
    except FileNotFoundError:
        return FileIndex(path, {})
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        _log.warning("The index %s cannot be read (%s) and is made again.", path, error)
        return FileIndex(path, {})
    if (table.schema.metadata or {}).get(_MADE_BY_KEY) != _MADE_BY.encode():
        return FileIndex(path, {})
    return FileIndex(path, {row["file"]: _entry(row) for row in table.to_pylist()})


def save_index(
    index: FileIndex,
    entries: Mapping[str, Entry],
    signatures: Mapping[str, NDArray[np.uint8]],
    now_ns: int,
) -> None:
    """Remember these entries in place of what `index` holds.

    A cache that cannot be written costs time at the next reading and nothing else: it is logged,
    and no error.

    Args:
        index: As opened.
        entries: By file.
        signatures: By file, of every entry with facts.
        now_ns: When the reading began, as `time.time_ns` tells it.
    """
    if index.path is None:
        return
    settled = {
        file: entry
        for file, entry in entries.items()
        if max(entry.stamp.mtime_ns, entry.stamp.ctime_ns) < now_ns - _GRAIN_NS
    }
    rows = _rows(settled, signatures)
    try:
        write_whole(index.path, table_bytes(pa.Table.from_pylist(list(rows), schema=_SCHEMA)))
    except OSError as error:
        _log.warning("The index %s could not be written: %s", index.path, error)


def stamp_of(path: Path) -> Stamp | None:
    """Return a file's stamp; None where it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _entry(row: dict[str, Any]) -> Entry:
    stamp = Stamp(*(row[name] for name in Stamp._fields))
    return Entry(stamp, FileFacts(*(row[name] for name in FileFacts._fields)))


def _rows(
    entries: Mapping[str, Entry], signatures: Mapping[str, NDArray[np.uint8]]
) -> Iterable[dict[str, Any]]:
    for file, entry in sorted(entries.items()):
        if not isinstance(entry.facts, str):
            facts = {**entry.stamp._asdict(), **entry.facts._asdict()}
            yield {"file": file, **facts, "signature": signatures[file].tobytes()}
