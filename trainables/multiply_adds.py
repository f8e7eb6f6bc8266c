"""What one image costs a network: its multiply-adds, from the shapes of its layers."""

from __future__ import annotations

import math
from typing import Any

import keras

from neurosweep.errors import NeurosweepError
from trainables.layers import all_layers

__all__ = ["multiply_adds"]

# Each kernel is applied once at every position of the layer's output. A Conv2D's kernel has the
# input channels of one group only, so groups need no case of their own; a separable convolution
# takes its strides in the first of its two.
_KERNELS = (
    (keras.layers.Conv2D, ("kernel",)),
    (keras.layers.DepthwiseConv2D, ("kernel",)),
    (keras.layers.SeparableConv2D, ("depthwise_kernel", "pointwise_kernel")),
    (keras.layers.Dense, ("kernel",)),
)


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one image through a built network, as papers count them.

    Counted are Conv2D (with groups), DepthwiseConv2D, SeparableConv2D and Dense, also in networks
    inside the network. Not counted are biases, normalisation, activations, pooling, sums and
    products of maps, resizing and scaling of pixels: some percent of the whole.

    Args:
        model: Functional or Sequential, channels last, with known height and width; each layer is
            counted once.

    Raises:
        NeurosweepError: The height or width of a layer's maps is not known.
    """
    return sum(_of_layer(layer) for layer in all_layers(model))


def _of_layer(layer: Any) -> int:
    for kind, kernels in _KERNELS:
        if isinstance(layer, kind):
            weights: int = sum(math.prod(getattr(layer, kernel).shape) for kernel in kernels)
            return _positions(layer) * weights
    return 0


def _positions(layer: Any) -> int:
    """Height times width of a layer's maps; 1 for a layer on vectors."""
    sides = layer.output.shape[1:-1]
    if None in sides:
        raise NeurosweepError(
            "Multiply-adds are those of one image size, so every layer's height and width must be "
            f"known; received maps of {layer.output.shape} from {layer.name!r}. Build the network "
            "with a size in its input."
        )
    positions: int = math.prod(sides)
    return positions
