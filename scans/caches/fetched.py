"""Where copies of image folders lie in the cache: brought from a store, or from the driver.

CACHE/images/KEY/files        the images, under their names in the data folder
CACHE/images/KEY/about.json   where they are from; there only while the copy is whole
CACHE/images/KEY.lock         held by the one process that brings them, or clears
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from scans.files.whole_files import write_whole

__all__ = ["FETCHED", "FETCHED_FILES", "FetchedImages"]

FETCHED = "images"
"""Name of the folder, below the cache folder, that holds one folder per copy."""

FETCHED_FILES = "files"

_ABOUT = "about.json"


class FetchedImages:
    """A copy of a data folder in the cache."""

    def __init__(self, cache: Path, key: str) -> None:
        """Describes it; makes nothing.

        Args:
            cache: The cache folder.
            key: "store-" or "driver-" and sixteen hexadecimal digits of what was copied.
        """
        self.folder = cache / FETCHED / key

    @property
    def root(self) -> Path:
        """The data folder."""
        return self.folder / FETCHED_FILES

    @property
    def is_whole(self) -> bool:
        """Whether all that was to be copied is here."""
        return (self.folder / _ABOUT).is_file()

    def begin(self) -> None:
        """Makes the folder, which is not whole from now on.

        Raises:
            OSError: It cannot be made.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        (self.folder / _ABOUT).unlink(missing_ok=True)

    def complete(self, about: Mapping[str, object]) -> None:
        """Notes that all is here, and what it is.

        Raises:
            OSError: It cannot be written.
        """
        told = {**about, "made": datetime.now(UTC).isoformat(timespec="seconds")}
        write_whole(self.folder / _ABOUT, (json.dumps(told, indent=2) + "\n").encode())
