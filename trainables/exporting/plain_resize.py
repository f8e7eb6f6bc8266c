"""The published model's resize in operations that every format has, with the same result.

`ScaleAndTranslate`, by which TensorFlow resizes with antialiasing, is in neither ONNX nor TFLite.
Here are its steps, in its order and in float32, so that even the last bit of a sum is equal: the
model rounds what the resize gives, and a sum that differs in the last bit may round the other way.

The steps are those of TensorFlow's `ComputeSpansCore` and `GatherSpans`
(tensorflow/core/kernels/image/scale_and_translate_op.cc), for the triangle kernel, no translation
and antialiasing.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from trainables.layers import Tensor

__all__ = ["PlainResize"]


class PlainResize(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Bilinear resize with antialiasing to (size[0], size[1]), of images (n, h, w, c) float32."""

    def __init__(self, size: tuple[int, int], *, name: str | None = None) -> None:
        super().__init__(name=name, dtype="float32", trainable=False)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        """Resize the rows, then the columns, as the kernel does."""
        height, width = self.size
        return _resize_axis(_resize_axis(inputs, height, axis=1), width, axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape with the new height and width."""
        return (input_shape[0], *self.size, input_shape[3])


class _Spans:
    """For each output position the input positions it is summed from, and their weights."""

    def __init__(self, length: Tensor, size: int) -> None:
        scale = tf.constant(float(size), tf.float32) / length
        inverse = 1.0 / scale
        radius = tf.maximum(inverse, 1.0)  # the kernel widens where an image shrinks
        self._narrowing = 1.0 / radius
        self._centres = (tf.range(size, dtype=tf.float32) + 0.5) * inverse
        self._last = length - 1.0
        lowest = tf.math.ceil(self._centres - radius - 0.5)
        highest = tf.math.floor(self._centres + radius - 0.5)
        self._starts = tf.clip_by_value(lowest, 0.0, self._last)
        self._ends = tf.clip_by_value(highest, 0.0, self._last)
        self.longest = tf.cast(tf.reduce_max(self._ends - self._starts), tf.int32) + 1

    def sources(self, step: Tensor) -> Tensor:
        """The input position at one step of each span (size,); past the last: the last."""
        positions = tf.minimum(self._starts + tf.cast(step, tf.float32), self._last)
        return tf.cast(positions, tf.int32)

    def weights(self, step: Tensor) -> Tensor:
        """The weight at one step of each span (size,), before they are made to sum to one."""
        position = self._starts + tf.cast(step, tf.float32)
        distance = tf.abs((position + 0.5 - self._centres) * self._narrowing)
        weight = tf.maximum(1.0 - distance, 0.0)
        return tf.where(position <= self._ends, weight, tf.zeros_like(weight))


def _resize_axis(images: Tensor, size: int, *, axis: int) -> Tensor:
    shape = tf.shape(images)
    spans = _Spans(tf.cast(shape[axis], tf.float32), size)
    shares = 1.0 / _summed(spans.weights, tf.zeros([size]), spans.longest)
    along = [size if one == axis else 1 for one in range(4)]

    def part(step: Tensor) -> Tensor:
        weights = tf.reshape(spans.weights(step) * shares, along)
        return tf.gather(images, spans.sources(step), axis=axis) * weights

    empty = tf.zeros([size if one == axis else shape[one] for one in range(4)])
    known = [size if one == axis else images.shape[one] for one in range(4)]
    return tf.ensure_shape(_summed(part, tf.ensure_shape(empty, known), spans.longest), known)


def _summed(part: Tensor, start: Tensor, steps: Tensor) -> Tensor:
    """Start + part(0) + part(1) + …, one after the other."""
    _, total = tf.while_loop(
        lambda step, _: step < steps,
        lambda step, total: (step + 1, total + part(step)),
        (tf.constant(0), start),
        shape_invariants=(tf.TensorShape([]), start.shape),
    )
    return total
