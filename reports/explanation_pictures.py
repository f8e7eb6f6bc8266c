"""Arrays of explanations as PNG files: what is drawn is the array itself, exactly.

A map keeps its 256 values as they are; colour and transparency of each stand in the file's palette,
so that the file is both the array and the picture that is laid over an image.
"""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["COLOURS", "map_png", "picture_png"]

COLOURS = ((13, 8, 135), (126, 3, 168), (204, 71, 120), (248, 149, 64), (240, 249, 33))
"""From nothing to most: evenly spaced points of the colour map plasma. Its lightness rises all the
way, so that every kind of colour vision, and grey print, tells high from low."""

_CLEAR_BELOW, _OPAQUE_FROM, _OPACITY = 0.08, 0.6, 0.7


def picture_png(pixels: "NDArray[np.uint8]") -> bytes:
    """Give an image as PNG, grey where all its channels are equal.

    Args:
        pixels: (height, width), or (height, width, 1 or 3).
    """
    from PIL.Image import fromarray

    if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    return _png(fromarray(pixels))


def map_png(values: "NDArray[np.uint8]") -> bytes:
    """Give a map (height, width) as a PNG to be laid over its image: clear at 0, yellow at 255."""
    from PIL.Image import frombytes

    height, width = values.shape
    picture = frombytes("P", (width, height), values.tobytes())
    picture.putpalette([part for level in range(256) for part in _colour(level / 255)])
    return _png(picture, transparency=bytes(_alpha(level / 255) for level in range(256)))


def _colour(share: float) -> tuple[int, ...]:
    at = share * (len(COLOURS) - 1)
    below = min(int(at), len(COLOURS) - 2)
    pairs = zip(COLOURS[below], COLOURS[below + 1], strict=True)
    return tuple(round(low + (at - below) * (high - low)) for low, high in pairs)


def _alpha(share: float) -> int:
    risen = (share - _CLEAR_BELOW) / (_OPAQUE_FROM - _CLEAR_BELOW)
    return round(255 * _OPACITY * min(1.0, max(0.0, risen)))


def _png(picture: "Image", transparency: bytes | None = None) -> bytes:
    content = io.BytesIO()
    more = {} if transparency is None else {"transparency": transparency}
    picture.save(content, "PNG", **more)
    return content.getvalue()
