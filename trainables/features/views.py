"""Changed copies of images: what augmentation is where each image is looked at only once.

The first copy is the mirror image; those after it are flipped, turned, shifted, zoomed, and changed
in contrast and brightness at random, within the bounds that training on images has. Each change
depends on the copy and the row alone, so that it does not matter who computes it, and when.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.augmentation import BRIGHTNESS, CONTRAST, ROTATION, SHIFT, ZOOM
from trainables.features.key import FLIPPED, PLAIN, RANDOM
from trainables.settings import COPIES_STRENGTH

__all__ = ["changed"]


def changed(
    images: NDArray[np.uint8], rows: NDArray[np.int64], view: str
) -> NDArray[np.float32] | NDArray[np.uint8]:
    """Images as a view shows them.

    Args:
        images: (n, height, width, channel), 0 to 255.
        rows: (n,), which images of the data set these are.
        view: One of `key.views_of`.

    Returns:
        The same shape and range; uint8 where only places change, else float32.
    """
    if view == PLAIN:
        return images
    if view == FLIPPED:
        return images[:, :, ::-1]
    number = int(view.removeprefix(RANDOM))
    return np.stack(
        [_at_random(one, [number, int(row)]) for one, row in zip(images, rows, strict=True)]
    )


def _at_random(image: NDArray[np.uint8], seed: list[int]) -> NDArray[np.float32]:
    """One image, changed as its seed says."""
    generator = np.random.default_rng(seed)
    if generator.random() < 0.5:
        image = image[:, ::-1]
    moved = keras.ops.image.affine_transform(
        image.astype(np.float32),
        _affine(generator, image.shape[0], image.shape[1]),
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=0.0,
    )
    pixels = np.asarray(moved, np.float32)
    mean = pixels.mean(axis=(0, 1), keepdims=True)
    contrast = 1 + COPIES_STRENGTH * CONTRAST * generator.uniform(-1, 1)
    light = 255 * COPIES_STRENGTH * BRIGHTNESS * generator.uniform(-1, 1)
    lit: NDArray[np.float32] = np.clip((pixels - mean) * contrast + mean + light, 0, 255)
    return lit


def _affine(generator: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """The eight numbers by which Keras looks up each output pixel: turn, zoom, shift."""
    angle = 2 * np.pi * COPIES_STRENGTH * ROTATION * generator.uniform(-1, 1)
    zoom = 1 + COPIES_STRENGTH * ZOOM * generator.uniform(-1, 1)
    down, right = COPIES_STRENGTH * SHIFT * generator.uniform(-1, 1, 2) * (height, width)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = middle - turn @ middle + (right, down)
    (a, b), (c, d) = turn
    return np.array([a, b, offset[0], c, d, offset[1], 0, 0], np.float32)
