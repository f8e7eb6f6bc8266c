"""search.log: what was told while the run went on, line by line."""

from __future__ import annotations

import io
from pathlib import Path

from search.files.lines import append_whole

__all__ = ["SearchLog"]


class SearchLog(io.TextIOBase):
    """A text file to print into; what is printed at once stands there whole or not at all.

    It is not synced: a power cut may cost the last lines, which nothing depends on.
    """

    def __init__(self, path: Path) -> None:
        """Names the file; it is made by the first line."""
        super().__init__()
        self._path = path

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Appends the text.

        Raises:
            NeurosweepError: if it cannot be written; the file is as it was.
        """
        append_whole(self._path, text.encode(), sync=False)
        return len(text)
