"""Runs images through a frozen network, batch by batch, in float32."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurosweep.errors import OutOfMemoryError
from trainables.alive import beat
from trainables.features.shards import SHARD
from trainables.features.store import Packed, pack
from trainables.features.views import changed
from trainables.measure import measuring_batch

__all__ = ["Extraction"]


class Extraction:
    """A frozen network, traced once for batches of one size.

    Every batch has the same size, the last one filled up with copies: which kernels run, and thus
    the last digits, must not depend on how the rows are divided.
    """

    def __init__(self, model: keras.Model) -> None:
        """Wraps `model`: images (batch, height, width, channel), 0 to 255, in; features out."""
        self._model = model
        self._batch = _batch_of(int(model.input_shape[1]))
        self._trace()

    def _trace(self) -> None:
        shape, model = self._model.input_shape[1:], self._model
        signature = [tf.TensorSpec((self._batch, *shape), tf.float32)]
        self._infer = tf.function(lambda images: model(images, training=False), signature)

    def packed(
        self, images: NDArray[np.uint8], rows: NDArray[np.int64], view: str, precision: str
    ) -> Packed:
        """Features of `images[rows]`, seen as `view` says, in the form in which they are kept.

        Raises:
            NeurosweepError: A value is not finite.
            OutOfMemoryError: There is no memory for a single image.
        """
        values = list(self._batches(images, rows, view))
        return pack(np.concatenate(values), precision)

    def _batches(
        self, images: NDArray[np.uint8], rows: NDArray[np.int64], view: str
    ) -> Iterator[NDArray[np.float32]]:
        start = 0
        while start < len(rows):
            wanted = rows[start : start + self._batch]
            try:
                yield self._features(changed(images[wanted], wanted, view))
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                self._shrink(error)
                continue
            start += len(wanted)
            beat()

    def _features(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        filled = np.empty((self._batch, *pixels.shape[1:]), np.float32)
        filled[: len(pixels)] = pixels
        filled[len(pixels) :] = pixels[0]
        outputs: NDArray[np.float32] = self._infer(tf.constant(filled)).numpy()
        return outputs[: len(pixels)]

    def _shrink(self, error: BaseException) -> None:
        """Goes on with batches of half the size.

        Raises:
            OutOfMemoryError: They hold one image already.
        """
        if self._batch == 1:
            raise OutOfMemoryError(
                f"Features need memory for one image at a time; {self._model.name} at "
                f"{self._model.input_shape[1]} pixels does not get it ({type(error).__name__}). "
                "Set a smaller families.transfer.image_size, fewer resources.workers, or leave "
                "this backbone out."
            ) from error
        self._batch //= 2
        self._trace()


def _batch_of(image_size: int) -> int:
    """Images at once: a shard in as few equal batches as memory allows, so that few are filled up.

    It depends on the size in pixels alone.
    """
    return math.ceil(SHARD / math.ceil(SHARD / measuring_batch(image_size)))
