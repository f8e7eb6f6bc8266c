"""Thumbnails of a run directory as `data:` addresses, so that the page stays one file.

Their names come from a file that others may have written. A picture is taken only from the run's
own `audit/` folder, never through a link, and only if it is a PNG of modest size.
"""

import os
import re
import stat
from base64 import b64encode
from pathlib import Path

__all__ = ["MOST_PICTURES", "MOST_PICTURE_BYTES", "embed_picture"]

MOST_PICTURES = 60
"""A page holds at most this many: with the largest of them it still opens."""

MOST_PICTURE_BYTES = 200_000
"""A thumbnail is far smaller."""

_MOST_PIXELS = 1024
_NAME = re.compile(r"audit/([A-Za-z0-9._-]+\.png)")
# The signature, and the header that a PNG has to begin with; width and height follow.
_BEGINNING = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def embed_picture(run: Path, name: str | None) -> str | None:
    """Give a thumbnail as a `data:` address.

    Args:
        run: The run directory.
        name: As `audit.json` has it, relative to the run directory.

    Returns:
        The address, or None where there is no such picture or one that must not be shown.
    """
    match = _NAME.fullmatch(name or "")
    content = _read(run / "audit", match[1]) if match else None
    if content is None or not _is_thumbnail(content):
        return None
    return f"data:image/png;base64,{b64encode(content).decode()}"


def _read(folder: Path, name: str) -> bytes | None:
    # Opened without following links, folder first: nothing can be put in between.
    try:
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        # Without O_NONBLOCK a pipe under this name would be waited for.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
    except OSError:
        return None
    finally:
        os.close(inside)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    with os.fdopen(file, "rb") as opened:
        return opened.read(MOST_PICTURE_BYTES + 1)


def _is_thumbnail(content: bytes) -> bool:
    # A few bytes may promise a picture that fills the reader's memory.
    sides = (int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))
    return (
        len(content) <= MOST_PICTURE_BYTES
        and content.startswith(_BEGINNING)
        and all(1 <= side <= _MOST_PIXELS for side in sides)
    )
