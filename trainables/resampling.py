"""Maps and pictures brought to another size, for people to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["resampled", "shrunk"]


def resampled(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Real numbers (height, width) at another size, bilinear, with antialiasing where smaller.

    Args:
        values: What to bring to another size.
        size: Height and width, each at least 1.
    """
    if values.shape == size:
        return values
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    made = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(made, np.float32)


def shrunk(pixels: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """A picture (height, width, channel) with at most `most` pixels a side, rounded once."""
    height, width, channels = pixels.shape
    if max(height, width) <= most:
        return pixels
    share = most / max(height, width)
    size = (max(1, round(height * share)), max(1, round(width * share)))
    parts = [resampled(pixels[:, :, at].astype(np.float32), size) for at in range(channels)]
    return np.rint(np.clip(np.stack(parts, axis=-1), 0, 255)).astype(np.uint8)
