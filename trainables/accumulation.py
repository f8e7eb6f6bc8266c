"""A training step in several parts, for batches whose activations do not fit the memory at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from trainables.layers import Tensor

__all__ = ["is_in_parts", "summed", "trained_model"]


def trained_model(inputs: Tensor, outputs: Tensor, *, name: str, parts: int = 1) -> keras.Model:
    """A model for `fit`, whose steps go through each batch in so many parts.

    The optimiser's step is that of the whole batch: the gradients of the parts are added up in
    proportion to their images. Batch norm alone differs: it normalises each part by the part's own
    statistics, and its moving ones move once per part. A last batch of fewer images than parts has
    one image per part.

    Args:
        inputs: A Keras input.
        outputs: What the network makes of it.
        name: Of the model.
        parts: At least 1, which is Keras' own step.
    """
    if parts == 1:
        return keras.Model(inputs, outputs, name=name)
    model = _Accumulating(inputs, outputs, name=name)
    model.parts = parts
    return model


def summed(
    terms: Callable[[slice], list[Tensor]], nothing: list[Tensor], *, size: Tensor, parts: int
) -> list[Tensor]:
    """The sums of what comes of each part of a batch, one part after the other.

    Args:
        terms: What is added up, for some rows of the batch.
        nothing: Zeros in the same shapes.
        size: Images of the batch.
        parts: At least 1.
    """
    part = -(-size // parts)

    def add(start: Tensor, sums: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        pairs = zip(sums, terms(slice(start, tf.minimum(start + part, size))), strict=True)
        return start + part, [total + term for total, term in pairs]

    # One at a time: what two parts need at once is what a whole batch needs.
    _, sums = tf.while_loop(lambda start, _: start < size, add, (0, nothing), parallel_iterations=1)
    return list(sums)


def is_in_parts(model: keras.Model) -> bool:
    """Whether the model's steps go through their batch in parts."""
    return isinstance(model, _Accumulating)


class _Accumulating(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """Steps of one batch in `parts` parts, one after the other."""

    parts: int

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One step of the optimiser."""
        images, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        size, variables = tf.shape(images)[0], self.trainable_variables

        def gradients(rows: slice) -> list[Tensor]:
            own = None if weights is None else weights[rows]
            return self._gradients(images[rows], targets[rows], own, size)

        nothing = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        sums = summed(gradients, nothing, size=size, parts=self.parts)
        self.optimizer.apply_gradients(zip(sums, variables, strict=True))
        return dict(self.get_metrics_result())

    def _gradients(
        self, images: Tensor, targets: Tensor, weights: Tensor | None, whole: Tensor
    ) -> list[Tensor]:
        """A part's share in the gradients of the whole batch; its figures are noted."""
        count = tf.shape(images)[0]
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            loss = self.compute_loss(images, targets, outputs, weights, training=True)
            self._loss_tracker.update_state(loss, sample_weight=count)
            share = tf.cast(count, loss.dtype) / tf.cast(whole, loss.dtype)
            scaled = self.optimizer.scale_loss(loss * share)
        self.compute_metrics(images, targets, outputs, weights)
        gradients: list[Tensor] = tape.gradient(
            scaled, self.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return gradients
