"""Probabilities of a model over rows of a data set: the one way everything is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from scans import Dataset
from trainables.alive import beat
from trainables.layers import Tensor, all_layers

__all__ = ["Meter", "in_float32", "measuring_batch"]

# Pixels of one channel that are measured at once: enough to fill the cores, small enough that the
# widest layer of the papers' networks stays under 300 MB.
_PIXELS_AT_ONCE = 600_000


def measuring_batch(image_size: int) -> int:
    """Images measured at once: 8 to 256, by their size in pixels alone.

    The number decides which kernels run, thus the last digits: it may depend on nothing that
    differs between a trial and its replay.
    """
    return max(8, min(256, _PIXELS_AT_ONCE // image_size**2))


class Meter:
    """A model's inference in float32, traced once for any number of images.

    Variables are float32 under every policy, so a network whose training steps are computed in
    half precision is measured as it stands, in the precision it would be published in.
    """

    def __init__(self, model: keras.Model) -> None:
        """Wrap `model`: uint8 (batch, height, width, channel) in, probabilities out."""
        shape = (None, *model.input_shape[1:])
        self._batch = measuring_batch(int(shape[1]))

        def infer(pixels: Tensor) -> Tensor:  # runs once, when it is traced
            with in_float32(model):
                return model(pixels, training=False)

        self._infer = tf.function(infer, input_signature=[tf.TensorSpec(shape, tf.uint8)])

    def probabilities(self, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Softmax outputs (n_rows, n_classes) of `dataset.images[rows]`, in that order."""
        outputs = []
        for start in range(0, len(rows), self._batch):
            outputs.append(self(dataset.images[rows[start : start + self._batch]]))
            beat()
        return np.concatenate(outputs)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Softmax outputs (batch, n_classes) float32 of images (batch, h, w, c) uint8."""
        outputs: NDArray[np.float32] = self._infer(tf.constant(images)).numpy()
        return outputs


@contextmanager
def in_float32(model: keras.Model) -> Iterator[None]:
    """Inside, whatever calls the model's layers computes in float32."""
    layers = list(all_layers(model))
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = "float32"
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
