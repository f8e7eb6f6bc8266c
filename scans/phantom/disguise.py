"""Copies as people make them: flipped, turned, brightened, compressed again."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["DISGUISES", "disguise"]

DISGUISES = ("turned", "flipped", "brightened", "compressed", "all at once")

_MOST_DEGREES = 5.0
_BRIGHTNESS = (0.8, 1.2)
_QUALITY = (50, 95)  # JPEG, both inclusive


def disguise(
    picture: NDArray[np.uint8], kind: str, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Returns a near-duplicate of a picture, (height, width) uint8.

    Args:
        picture: (height, width) uint8.
        kind: One of `DISGUISES`. A turn is by up to 5 degrees about the middle and leaves black
            corners; brightness changes by up to 20 %; JPEG quality is 50 to 95.
        random: Where all chance comes from.
    """
    everything = kind == "all at once"
    image = Image.fromarray(picture)
    if everything or kind == "flipped":
        image = _flip(image, int(random.integers(1, 4)))
    if everything or kind == "turned":
        way = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[int(random.integers(2))]
        image = image.rotate(random.uniform(-_MOST_DEGREES, _MOST_DEGREES), way)
    if everything or kind == "brightened":
        bright = np.asarray(image, dtype=np.float64) * random.uniform(*_BRIGHTNESS)
        image = Image.fromarray(np.rint(bright).clip(0, 255).astype(np.uint8))
    if everything or kind == "compressed":
        content = io.BytesIO()
        image.save(content, "JPEG", quality=int(random.integers(_QUALITY[0], _QUALITY[1] + 1)))
        image = Image.open(content)
    return np.asarray(image)


def _flip(image: Image.Image, way: int) -> Image.Image:
    """Left to right (1), top to bottom (2), or both (3)."""
    if way & 1:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if way & 2 else image
