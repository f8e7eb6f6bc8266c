"""Pictures of a run directory as `data:` addresses, so that the page stays one file.

Their names come from a file that others may have written. A picture is taken only from the run's
own folders `audit/` and `explanations/`, never through a link, and only if it is a PNG of modest
size. All pictures of a section together are limited too: a page stays below 10 MB.
"""

import os
import re
import stat
from base64 import b64encode
from pathlib import Path

__all__ = ["MOST_PICTURES", "MOST_PICTURE_BYTES", "Album", "embed_picture"]

MOST_PICTURES = 60
"""The section on the data holds at most this many."""

MOST_PICTURE_BYTES = 200_000
"""A thumbnail is far smaller."""

_MOST_PIXELS = 1024
_NAME = re.compile(r"(audit|explanations)/([A-Za-z0-9._-]+\.png)")
# The signature, and the header that a PNG has to begin with; width and height follow.
_BEGINNING = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


class Album:
    """The pictures of one section, as long as they do not grow too large together.

    Attributes:
        pictures: How many were given.
        left_out: How many were not, because there was no room for them any more.
    """

    def __init__(self, run: Path, most_bytes: int, *, images: bool = True) -> None:
        """Holds none.

        Args:
            run: The run directory.
            most_bytes: What all addresses together may come to, in bytes of the page.
            images: Whether any picture is wanted.
        """
        self._run = run
        self._left = most_bytes
        self._images = images
        self.pictures = 0
        self.left_out = 0

    def embed(self, name: str | None) -> str | None:
        """Give a picture as a `data:` address, as `embed_picture` does, while there is room."""
        address = embed_picture(self._run, name) if self._images else None
        if address is None:
            return None
        if len(address) > self._left:
            self.left_out += 1
            return None
        self._left -= len(address)
        self.pictures += 1
        return address


def embed_picture(run: Path, name: str | None) -> str | None:
    """Give a picture as a `data:` address.

    Args:
        run: The run directory.
        name: As `audit.json` or `explanations.json` has it, relative to the run directory.

    Returns:
        The address, or None where there is no such picture or one that must not be shown.
    """
    match = _NAME.fullmatch(name or "")
    content = _read(run / match[1], match[2]) if match else None
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
