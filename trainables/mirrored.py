"""Training on several GPUs at once: each has the whole network, and its share of every batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from trainables.accumulation import summed
from trainables.devices import devices_to_mirror
from trainables.layers import Tensor

__all__ = ["fit_mirrored", "is_mirrored", "mirrored"]


def mirrored() -> AbstractContextManager[object]:
    """Where a model is built and compiled that all GPUs of this process are to train together.

    Nothing changes where this process was not started with two GPUs or more.

    Raises:
        NeurosweepError: TensorFlow does not have one of them: it would wait for it without end.
    """
    devices = devices_to_mirror()
    if len(devices) < 2:
        return nullcontext()
    known = {one.name.removeprefix("/device:") for one in tf.config.list_logical_devices()}
    if missing := [name for name in devices if name not in known]:
        raise NeurosweepError(
            f"Several devices train together only where TensorFlow has them all; {missing} are not "
            f"among {sorted(known)}. Give fine-tuning the GPUs that the node has."
        )
    scope: AbstractContextManager[object] = tf.distribute.MirroredStrategy(list(devices)).scope()
    return scope


def is_mirrored(model: keras.Model) -> bool:
    """Whether a model was built to be trained on several devices."""
    return int(model.distribute_strategy.num_replicas_in_sync) > 1


def fit_mirrored(
    model: keras.Model, batches: Any, callback: keras.callbacks.Callback, epochs: range
) -> None:
    """Trains a model that `is_mirrored` until the callback stops it.

    Each device takes its share of a batch and the gradients are added up, so that a step is that of
    the whole batch on one device, to rounding. Keras' own loop leaves the last, smaller batch
    unevenly divided, and takes the mean of the devices' means.

    Args:
        model: Compiled, with a loss of Keras' that has an unreduced form.
        batches: Of images, targets and perhaps weights; they draw the order themselves.
        callback: Told of the begin and the end of each epoch and batch.
        epochs: Numbers of the epochs, from 0.
    """
    callback.set_model(model)
    model.stop_training = False
    step = _Step(model)
    for epoch in epochs:
        callback.on_epoch_begin(epoch)
        batches.on_epoch_begin()
        loss, right, images = 0.0, 0.0, 0
        for index in range(len(batches)):
            callback.on_train_batch_begin(index)
            batch = batches[index]
            figures = step(*batch)
            loss, right, images = loss + figures[0], right + figures[1], images + len(batch[0])
            callback.on_train_batch_end(index, {"loss": loss / images})
        callback.on_epoch_end(epoch, {"loss": loss / images, "accuracy": right / images})
        if model.stop_training:
            return


class _Step:
    """One step of the optimiser on all devices; sums of losses and of right answers come out."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._parts = int(getattr(model, "parts", 1))
        self._strategy = model.distribute_strategy
        self._devices = int(self._strategy.num_replicas_in_sync)
        self._run: Any = tf.function(self._on_all, reduce_retracing=True)

    def __call__(
        self,
        images: NDArray[Any],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32] | None = None,
    ) -> tuple[float, float]:
        size = len(images)
        given = np.ones(size, np.float32) if weights is None else weights
        # A device without an image would divide by nothing: it gets one that counts for nothing.
        rows = np.arange(max(size, self._devices)) % size
        counted = (np.arange(len(rows)) < size).astype(np.float32)
        arrays = (images[rows], targets[rows], given[rows] * counted, counted)
        loss, right = self._run(tuple(map(self._divided, arrays)), tf.constant(float(size)))
        return float(loss), float(right)

    def _divided(self, array: NDArray[Any]) -> Any:
        """An array with a share for each device, as equal as can be."""
        shares = np.array_split(array, self._devices)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(shares[context.replica_id_in_sync_group])
        )

    def _on_all(self, shares: tuple[Tensor, ...], size: Tensor) -> Sequence[Tensor]:
        figures = self._strategy.run(self._on_one, args=(*shares, size))
        return [self._strategy.reduce("SUM", each, axis=None) for each in figures]

    def _on_one(
        self, images: Tensor, targets: Tensor, weights: Tensor, counted: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A device's share of a step; the optimiser adds up the gradients of all devices."""
        model = self._model
        variables = model.trainable_variables

        def terms(rows: slice) -> list[Tensor]:
            with tf.GradientTape() as tape:
                outputs = model(images[rows], training=True)
                losses = model.loss.call(targets[rows], outputs) * weights[rows]
                total = tf.reduce_sum(losses)
                scaled = model.optimizer.scale_loss(total / size)
            gradients = tape.gradient(
                scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            hits = tf.equal(tf.argmax(outputs, 1), tf.argmax(targets[rows], 1))
            right = tf.reduce_sum(tf.cast(hits, tf.float32) * counted[rows])
            return [*gradients, total, right]

        nothing = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        figures = [tf.constant(0.0), tf.constant(0.0)]
        whole = tf.shape(images)[0]
        sums = summed(terms, [*nothing, *figures], size=whole, parts=self._parts)
        model.optimizer.apply_gradients(zip(sums[:-2], variables, strict=True))
        return sums[-2], sums[-1]
