"""Decodes images into their places in a file; the same code here and in a helper process."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.pictures.decode import CHANNELS, read_content, read_image, to_pixels
from scans.pictures.reading import hash_bytes

_LARGE = 1 << 24  # bytes; more than the pictures of most data sets need


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is the same for every image of one cache.

    Attributes:
        root: The data folder.
        image_size: Height and width in pixels.
        color: "grey" or "rgb".
        offset: Bytes of the file before the first image.
    """

    root: Path
    image_size: int
    color: str
    offset: int

    @property
    def stride(self) -> int:
        """Bytes of one decoded image."""
        return self.image_size**2 * CHANNELS[self.color]


def decode_into(file: int, job: Job, first: int, names: Sequence[str]) -> list[str]:
    """Decode some images and write each into its row.

    Args:
        file: Descriptor of a file open for writing; its position is neither used nor moved.
        job: How to decode.
        first: Row of the first name; the others follow it.
        names: Paths relative to the data folder.

    Returns:
        The hash of each image file's bytes.

    Raises:
        DataError: A file is missing or unreadable.
        OSError: The disk is full, or fails.
    """
    hashes = []
    for row, name in enumerate(names, start=first):
        pixels, file_hash = _decode(job, name)
        _write_at(file, pixels.data.cast("B"), job.offset + row * job.stride)
        hashes.append(file_hash)
    return hashes


def keep_freed_memory() -> None:
    """Let the C library keep what one image frees for the next; an eighth of the time is saved.

    By default glibc gives blocks of an image's size back to the system, which has to clear them
    each time. It stops when a larger block has been freed once ("dynamic mmap threshold" in
    mallopt(3)); elsewhere this does nothing.
    """
    large = bytearray(_LARGE)  # never touched, so it costs no memory
    del large


def _decode(job: Job, name: str) -> tuple[NDArray[np.uint8], str]:
    """Return one image's pixels and the hash of its bytes."""
    path = job.root / name
    try:
        content = read_content(path)
        image = read_image(content).image
    except DataError as error:
        raise DataError(
            f"Every image of the manifest must be readable, but {path} is not: {error}"
        ) from error
    pixels = to_pixels(image, image_size=job.image_size, color=job.color)
    return np.ascontiguousarray(pixels), hash_bytes(content)


def _write_at(file: int, content: memoryview, offset: int) -> None:
    """Write all of it: on a disk that is nearly full, one call may write less than it was given."""
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written
