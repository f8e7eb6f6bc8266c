"""A decoded picture, whatever file it came from, and the largest one that is decoded."""

from dataclasses import dataclass

from PIL import Image

from neurosweep.errors import DataError

MAX_PIXELS = 89_478_485
"""Largest image decoded: 256 MiB of RGB, Pillow's own mark for a decompression bomb."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One picture and what its file was.

    Attributes:
        image: The pixels, upright: mode L where the file is grey, else RGB.
        format: What the content is, by Pillow's name: "JPEG", "MPO" (a JPEG with previews), "PNG",
            "TIFF", "BMP", "WEBP" or "GIF"; or "DICOM".
        mode: The file's own mode, as Pillow calls it: "L", "RGB", "RGBA", "P", "CMYK", "I;16";
            of a DICOM its photometric interpretation, such as "MONOCHROME2".
    """

    image: Image.Image
    format: str
    mode: str


def refuse_too_many_pixels(width: int, height: int) -> None:
    """Raise DataError for more pixels than `MAX_PIXELS`; called before any is decoded."""
    if width * height > MAX_PIXELS:
        raise DataError(too_many_pixels(f"it has {width} x {height} = {width * height:,}"))


def too_many_pixels(received: str) -> str:
    """Say what the limit is and what came instead."""
    return (
        f"An image may have at most {MAX_PIXELS:,} pixels (the decompression-bomb limit), but "
        f"{received}; scale it down or move it away."
    )
