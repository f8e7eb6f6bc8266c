"""Small pictures of images, for people to look at."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from neurosweep.errors import DataError
from scans.pictures.decode import read_content, read_image

__all__ = ["SIDE", "thumbnail"]

SIDE = 128
"""Longer side of a thumbnail, pixels."""


def thumbnail(path: Path) -> bytes:
    """Return an image file's picture as a small PNG, which holds pixels and nothing else.

    Raises:
        DataError: The file is missing or no readable image.
    """
    try:
        image = read_image(read_content(path)).image
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    content = io.BytesIO()
    # A new image: what the file carried beside its pixels stays behind.
    Image.frombytes(image.mode, image.size, image.tobytes()).save(content, "PNG", optimize=True)
    return content.getvalue()
