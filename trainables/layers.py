"""Layers whose kind depends on where they run, made through factories; and the walk over layers.

Keras' batch normalisation is not fused on CPUs and costs much of a training step. The fused layer
here has the same four weights in the same order, so weights go from one to the other and a saved
model carries the stock layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import tensorflow as tf

__all__ = ["FusedBatchNormalization", "all_layers", "batch_normalization", "fused_batch_norm"]

Tensor = Any
"""A TensorFlow or Keras tensor; neither library has types."""

_MOMENTUM = 0.9
"""Keras' 0.99 needs some 500 steps to settle: a first epoch on a few thousand images would be
judged with statistics that are still mostly their initial ones, and stopped for it."""

_use_fused: ContextVar[bool] = ContextVar("fused_batch_norm", default=False)


def batch_normalization(name: str) -> keras.layers.Layer:
    """A batch normalisation layer: Keras' own, or the fused one inside `fused_batch_norm()`."""
    if _use_fused.get():
        return FusedBatchNormalization(name=name, momentum=_MOMENTUM)
    return keras.layers.BatchNormalization(name=name, momentum=_MOMENTUM)


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The model and its layers, those of models within it too."""
    yield model
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


@contextmanager
def fused_batch_norm() -> Iterator[None]:
    """Inside, `batch_normalization` makes the fused layer."""
    token = _use_fused.set(True)
    try:
        yield
    finally:
        _use_fused.reset(token)


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # untyped
    """Batch normalisation of (batch, height, width, channel) on TensorFlow's fused operation.

    Results agree with Keras' layer to rounding: scale, offset and statistics are float32 under
    every policy, the moving variance is the biased one (the operation returns the unbiased), and
    a layer that is not trainable normalises with its moving statistics.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """Normalise; everything but plain four-dimensional input goes to Keras' own layer."""
        if mask is not None or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._normalize_batch(inputs)
        outputs, *_ = self._fused(inputs, self.moving_mean, self.moving_variance, is_training=False)
        return outputs

    def _normalize_batch(self, inputs: Tensor) -> Tensor:
        """Normalise with the batch's own statistics, and move the moving ones towards them."""
        outputs, mean, unbiased, *_ = self._fused(inputs, [], [], is_training=True)
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], unbiased.dtype)
        variance = unbiased * (count - 1.0) / count
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return outputs

    def _fused(
        self, inputs: Tensor, mean: Tensor, variance: Tensor, *, is_training: bool
    ) -> tuple[Tensor, ...]:
        channels = (inputs.shape[-1],)
        result: tuple[Tensor, ...] = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels),
            mean=mean if is_training else tf.convert_to_tensor(mean),
            variance=variance if is_training else tf.convert_to_tensor(variance),
            epsilon=self.epsilon,
            is_training=is_training,
        )
        return result

    def _move(self, moving: Tensor, batch: Tensor) -> None:
        moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
