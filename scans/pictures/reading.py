"""What is to be known of one image file, in one reading of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurosweep.errors import DataError
from scans.copies.signature import perceptual_hashes, sign_picture
from scans.pictures.decode import read_content, read_image

__all__ = ["FileFacts", "hash_bytes", "read_facts"]


class FileFacts(NamedTuple):
    """What an image file is, wherever it lies.

    Attributes:
        bytes_hash: Of the file as it is, hexadecimal; so are the other hashes.
        pixel_hash: Of what is seen: equal for a copy that was saved again without loss.
        perceptual_hash: Near for copies that were turned, flipped or compressed again.
        width: In pixels, after the camera's rotation; so is `height`.
        mode: The file's own colour mode.
        format: What its content is, whatever its name says.
    """

    bytes_hash: str
    pixel_hash: str
    perceptual_hash: str
    width: int
    height: int
    mode: str
    format: str


def read_facts(path: Path) -> tuple[FileFacts, NDArray[np.uint8]] | str:
    """Read one file.

    Returns:
        Its facts and its signature (see `scans.copies.signature`); or, where it is no image that
        can be decoded, why not.
    """
    try:
        content = read_content(path)
        picture = read_image(content)
    except DataError as error:
        return str(error)
    signature = sign_picture(picture.image)
    facts = FileFacts(
        bytes_hash=hash_bytes(content),
        pixel_hash=_hash_pixels(picture.image),
        perceptual_hash=perceptual_hashes(signature[None])[0].tobytes().hex(),
        width=picture.image.width,
        height=picture.image.height,
        mode=picture.mode,
        format=picture.format,
    )
    return facts, signature


def hash_bytes(content: bytes) -> str:
    """Return the hash under which a file's bytes stand in the manifest."""
    return hashlib.sha256(content).hexdigest()


def _hash_pixels(image: Image.Image) -> str:
    """Hash what is seen: a grey picture has one hash, saved as L or as RGB, PNG or BMP."""
    digest = hashlib.sha256(f"{image.width}x{image.height}".encode())
    digest.update(np.ascontiguousarray(image.convert("RGB")).data)
    return digest.hexdigest()
