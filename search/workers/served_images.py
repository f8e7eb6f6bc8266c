"""The driver's image files, for nodes whose disks have none of them.

A node asks by the place of a file in the listing, never by a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from neurosweep.errors import DataError
from scans.division.split import CONTENT_KEY
from scans.files.content import read_content
from scans.files.whole_files import read_table
from scans.manifest import content_hash
from search.staging.pulling import is_safe

__all__ = ["PACK_BYTES", "Listing", "ServedImages"]

PACK_BYTES = 8 * 2**20
"""Bytes of image files in one message: other nodes wait for it. A larger file is one by itself."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The image files of a run, in the manifest's order.

    Attributes:
        files: Paths relative to the data folder.
        sizes: Bytes of each.
        hashes: SHA-256 of each, in hexadecimal.
    """

    files: tuple[str, ...]
    sizes: tuple[int, ...]
    hashes: tuple[str, ...]

    def check(self, split: pa.Table) -> None:
        """Makes sure that it lists the files of a split, by names that stay in their folder.

        Raises:
            DataError: It does not.
        """
        known = (split.schema.metadata or {}).get(CONTENT_KEY, b"").decode()
        if set(self.files) != set(split["file"].to_pylist()) or (
            known and known != content_hash(self.files, self.hashes)
        ):
            raise DataError(
                "the driver serves the images that it divided, and listed others: was the run's "
                "manifest.parquet changed while it goes on? Begin a new run"
            )
        for name in self.files:
            if not is_safe(name):
                raise DataError(
                    f"names of images stay below the data folder, but {name!r} leads out of it, "
                    "or is none; rename the file and begin a new run"
                )

    def lacking(self, folder: Path) -> list[int]:
        """The places of those that a folder does not have, by name and size."""
        return [
            place
            for place, (name, size) in enumerate(zip(self.files, self.sizes, strict=True))
            if _size(folder / name) != size
        ]

    def packs(self, places: Sequence[int]) -> list[list[int]]:
        """The same in groups of at most `PACK_BYTES`, or of one larger file."""
        packs: list[list[int]] = []
        left = 0
        for place in places:
            if not packs or self.sizes[place] > left:
                packs.append([])
                left = PACK_BYTES
            packs[-1].append(place)
            left -= self.sizes[place]
        return packs


class ServedImages:
    """Serves files that a manifest names."""

    def __init__(self, root: Path, manifest: Path) -> None:
        """Serves from the driver's data folder; reads nothing yet.

        Args:
            root: The data folder.
            manifest: The run's `manifest.parquet`.
        """
        self._root = root
        self._manifest = manifest
        self._listed: Listing | None = None

    def listing(self) -> Listing:
        """The files, as they are on the driver's disk.

        Raises:
            DataError: One of them is gone.
            OSError: The manifest cannot be read.
        """
        if self._listed is None:
            table = read_table(self._manifest, ["file", "bytes_hash"])
            files = table["file"].to_pylist()
            sizes = [_size(self._root / name) for name in files]
            if None in sizes:
                raise DataError(
                    f"{self._root / files[sizes.index(None)]} is gone since the run began; put it "
                    "back"
                )
            self._listed = Listing(
                files=tuple(files),
                sizes=tuple(size or 0 for size in sizes),
                hashes=tuple(table["bytes_hash"].to_pylist()),
            )
        return self._listed

    def pack(self, places: Sequence[int]) -> list[bytes]:
        """The contents of the files at these places of the listing.

        Raises:
            DataError: One of them cannot be read.
        """
        files = self.listing().files
        return [read_content(self._root / files[place]) for place in places]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
