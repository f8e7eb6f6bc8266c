"""Reads the bytes of a data file, which nobody has checked yet."""

import os
import stat
from pathlib import Path

from neurosweep.errors import DataError

MAX_BYTES = 512 * 2**20
"""Largest file read: far beyond any single slice, and what a thread may hold at once."""

# Files that are opened to wait for another process, or to reach a device.
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Without O_NONBLOCK, opening a pipe that took the file's place would wait for its writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_content(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """Read a whole regular file, and nothing else than a regular file.

    Args:
        path: The file, or a link to it.
        limit: Most bytes it may have, inclusive.

    Returns:
        Its bytes.

    Raises:
        DataError: It is missing, may not be read, is no regular file (a pipe, a socket, a device
            is never opened), or is larger than `limit`. The message does not know the file's name.
    """
    try:
        # System calls and no file object: for a small file that is a third of the time, and a data
        # set has thousands of them.
        _refuse(os.stat(path), limit)  # noqa: PTH116
        descriptor = os.open(path, _FLAGS)
        try:
            found = os.fstat(descriptor)
            _refuse(found, limit)  # it may have changed since the look at it
            content = _read_whole(descriptor, found.st_size, limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(
            f"The file must be readable, but it is not ({error.strerror or error}); replace it or "
            "give yourself the right to read it."
        ) from error
    if len(content) > limit:
        raise DataError(_too_large(f"more than {limit:,}", limit))
    return content


def _read_whole(descriptor: int, size: int, limit: int) -> bytes:
    """Read to the end of a file that had so many bytes, or one byte more than it may have."""
    content = os.read(descriptor, size + 1)
    if len(content) == size:
        return content  # and nothing came after it
    parts, length = [content], len(content)
    while length <= limit and (part := os.read(descriptor, limit + 1 - length)):
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def irregular(mode: int) -> str | None:
    """Say in words what a file of this `st_mode` is; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "no regular file")


def _refuse(found: os.stat_result, limit: int) -> None:
    """Raise for what is no regular file, or too large a one."""
    kind = irregular(found.st_mode)
    if kind is not None:
        raise DataError(f"Only regular files are read, but this is {kind}; move it away.")
    if found.st_size > limit:
        raise DataError(_too_large(f"{found.st_size:,}", limit))


def _too_large(received: str, limit: int) -> str:
    return (
        f"A file may have at most {limit:,} bytes, but this has {received}; make it smaller or "
        "move it away."
    )
