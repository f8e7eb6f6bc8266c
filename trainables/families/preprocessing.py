"""Each backbone's own preprocessing, as stock Keras layers inside the network.

`keras.applications` gives it as Python functions; a saved network must carry it, and load in
Keras' safe mode, which refuses Lambda. It is computed in float32 under every precision policy:
eight bits of mantissa are too few for pixels of 0 to 255 and what is subtracted from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from spaces import BackboneRecord
from trainables.weights.imagenet import IMAGENET_DEVIATION, IMAGENET_MEAN

if TYPE_CHECKING:
    from trainables.layers import Tensor

__all__ = ["three_channels", "with_native_scaling", "with_unit_scaling"]

# Of ImageNet's training images: mean of BGR in 0 to 255, as keras.applications has it.
_MEAN_BGR = (103.939, 116.779, 123.68)


def three_channels(images: Tensor, channels: int) -> Tensor:
    """(batch, h, w, 1) or (batch, h, w, 3) to (batch, h, w, 3): grey is repeated."""
    if channels == 3:
        return images
    return keras.layers.Concatenate(name="input_rgb", dtype="float32")([images, images, images])


def with_unit_scaling(pixels: Tensor) -> Tensor:
    """0 to 255 to 0 to 1, as the notebook behind paper A's list fed every model (wrongly)."""
    return _rescale(pixels, scale=1 / 255, offset=0.0)


def with_native_scaling(pixels: Tensor, record: BackboneRecord) -> Tensor:
    """What `keras.applications.<backbone>.preprocess_input` does, (batch, h, w, 3) RGB in."""
    if record.scaling == "inside":
        return pixels
    if record.scaling == "tf":
        return _rescale(pixels, scale=1 / 127.5, offset=-1.0)
    if record.scaling == "caffe":
        return _rescale(pixels[..., ::-1], scale=1.0, offset=[-mean for mean in _MEAN_BGR])
    moments = list(zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    return _rescale(
        pixels,
        scale=[1 / (255 * deviation) for _, deviation in moments],
        offset=[-mean / deviation for mean, deviation in moments],
    )


def _rescale(pixels: Tensor, *, scale: float | list[float], offset: float | list[float]) -> Tensor:
    return keras.layers.Rescaling(scale, offset=offset, name="input_scaling", dtype="float32")(
        pixels
    )
