"""Files that are appended to: whole lines, or none of them."""

from __future__ import annotations

import os
from pathlib import Path

from search.files.storage_errors import storage_errors

__all__ = ["append_whole", "cut_torn_line", "sync"]


def append_whole(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Appends all of `content`, or leaves the file as long as it was.

    Args:
        path: The file; made where it is missing.
        content: Whole lines.
        sync: Return only when what was written would survive a power cut.

    Raises:
        NeurosweepError: if it cannot be written.
    """
    # Without Python's buffer: what a full disk refused must not be written when the file is closed.
    with storage_errors(path), path.open("ab", buffering=0) as file:
        start = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
            if sync:
                os.fsync(file.fileno())
        except BaseException:
            file.truncate(start)
            raise


def sync(path: Path) -> None:
    """Returns when what was written to a file would survive a power cut; it need not be there.

    Raises:
        NeurosweepError: if it cannot be synced.
    """
    if path.exists():
        with storage_errors(path), path.open("rb") as file:
            os.fsync(file.fileno())


def cut_torn_line(path: Path) -> int:
    """Cuts a file of lines back to its last newline; returns the number of bytes cut.

    Raises:
        NeurosweepError: if it cannot be read or cut.
    """
    if not path.exists():
        return 0
    with storage_errors(path), path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end
