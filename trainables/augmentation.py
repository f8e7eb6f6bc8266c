"""Random changes of training images, from Keras' stock layers."""

from __future__ import annotations

import keras
import numpy as np

__all__ = ["BRIGHTNESS", "CONTRAST", "ROTATION", "SHIFT", "ZOOM", "augmentation_layers"]

# The changes at strength 1, smaller in proportion below (ours; heads in a scanner are turned and
# shifted by less than this, and the two halves of a brain mirror each other).
ROTATION = 0.08  # share of a full turn, either way: 29 degrees
SHIFT = 0.12  # share of the side, either way
ZOOM = 0.2  # share of the size, in or out
CONTRAST = 0.3
BRIGHTNESS = 0.15  # share of the value range


def augmentation_layers(strength: float, *, seed: int) -> list[keras.layers.Layer]:
    """Layers for images of (batch, height, width, channel) with values 0 to 255.

    They work in float32 whatever the policy is: coordinates in half precision are off by pixels.

    Args:
        strength: 0 (no layers) to 1.
        seed: Each layer gets a seed of its own derived from it.
    """
    if not strength:
        return []
    seeds = np.random.SeedSequence(seed).generate_state(6)
    options = [{"seed": int(each), "dtype": "float32"} for each in seeds]
    moved = {"fill_mode": "constant", "fill_value": 0.0, "interpolation": "bilinear"}
    shift, zoom = SHIFT * strength, ZOOM * strength
    layers = keras.layers
    return [
        layers.RandomFlip("horizontal", name="augment_flip", **options[0]),
        layers.RandomRotation(ROTATION * strength, name="augment_turn", **moved, **options[1]),
        layers.RandomTranslation(shift, shift, name="augment_shift", **moved, **options[2]),
        layers.RandomZoom(zoom, name="augment_zoom", **moved, **options[3]),
        layers.RandomContrast(CONTRAST * strength, name="augment_contrast", **options[4]),
        layers.RandomBrightness(BRIGHTNESS * strength, name="augment_light", **options[5]),
    ]
