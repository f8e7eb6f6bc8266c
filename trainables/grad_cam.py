"""Grad-CAM: where in an image a network found what speaks for a class.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", equations 1 and 2: each channel of the last maps is weighted with the mean gradient
of the class's score, before the softmax, over all places; of the sum, what is above zero counts.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from trainables.alive import beat
from trainables.block_ends import last_maps
from trainables.layers import Tensor
from trainables.measure import measuring_batch

__all__ = ["GradCam", "why_no_map"]


def why_no_map(core: keras.Model) -> str | None:
    """Why Grad-CAM cannot be made of a network; None where it can."""
    if last_maps(core) is not None:
        return None
    return (
        "Grad-CAM needs a convolution whose maps have more than one place and which everything "
        f"passes through; {core.name} has none at this image size, so that nothing in it says "
        "where in the image something was"
    )


class GradCam:
    """Grad-CAM of one network, in inference.

    Attributes:
        layer: The layer whose maps are weighed.
        grid: Their height and width.
    """

    def __init__(self, core: keras.Model) -> None:
        """Cuts the network in two at its last maps; nothing is computed yet.

        Args:
            core: A flat functional model from images (batch, height, width, channel) float32 to
                probabilities.

        Raises:
            NeurosweepError: It has no such maps, see `why_no_map`.
        """
        position = last_maps(core)
        if position is None:
            raise NeurosweepError(f"{why_no_map(core)}. Take another network or larger images.")
        self.layer = str(core.operations[position].name)
        middle = core.operations[position].output
        self._lower = keras.Model(core.inputs[0], middle)
        self._scores = _scores_above(core, middle)
        self.grid = (int(self._lower.output_shape[1]), int(self._lower.output_shape[2]))

    def __call__(self, images: Tensor, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """The maps (n, grid height, grid width), at least 0, in units of the class's score.

        Args:
            images: (n, height, width, channel) float32, as the network takes them; n at least 1.
            classes: (n,) which class of each image.
        """
        size = measuring_batch(int(images.shape[1]))
        starts = range(0, len(classes), size)
        return np.concatenate(
            [self._batch(images[at : at + size], classes[at : at + size]) for at in starts]
        )

    def _batch(self, images: Tensor, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        maps = self._lower(images, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(maps)
            # Images do not meet in inference: the gradient of the sum is that of each.
            scores = tf.gather(self._scores(maps), tf.constant(classes), batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(scores, maps), axis=(1, 2), keepdims=True)
        beat()
        found: NDArray[np.float32] = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)).numpy()
        return found


def _scores_above(core: keras.Model, middle: Tensor) -> Callable[[Tensor], Tensor]:
    """From the maps to the scores that the softmax is taken of; without one, to the output."""
    last = core.layers[-1]
    if isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax:
        below = keras.Model(middle, last.input)

        def scores(maps: Tensor) -> Tensor:
            found = tf.matmul(below(maps, training=False), tf.convert_to_tensor(last.kernel))
            return found if last.bias is None else found + tf.convert_to_tensor(last.bias)

        return scores
    is_softmax = isinstance(last, keras.layers.Softmax) or (
        isinstance(last, keras.layers.Activation) and last.activation is keras.activations.softmax
    )
    above = keras.Model(middle, last.input if is_softmax else core.outputs[0])
    return lambda maps: above(maps, training=False)
