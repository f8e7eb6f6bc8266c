"""Batches of training images, read from the memory map as they are needed."""

from __future__ import annotations

import math
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from scans import Dataset
from trainables.mirrored import fit_mirrored, is_mirrored

__all__ = ["EpochBatches", "fit_epochs"]


class Inputs(Protocol):
    """Whatever gives an array for rows."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[Any]:
        """What belongs to the rows, in their order."""


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc] # Keras ships no types
    """One part of a data set, in a new order each epoch.

    The order of epoch e depends on the seed and e alone. The last batch may be smaller, so that
    each image is seen once per epoch.
    """

    def __init__(
        self,
        dataset: Dataset,
        rows: NDArray[np.int64],
        *,
        batch_size: int,
        seed: int,
        epochs_done: int = 0,
        weights: NDArray[np.float32] | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        """Point at `rows` of `dataset.images`; nothing is copied.

        Args:
            dataset: Decoded images and labels.
            rows: (n,) positions into `dataset.images`, n at least 1.
            batch_size: Images per batch, at least 1.
            seed: Seeds the order of each epoch.
            epochs_done: Epochs of earlier sittings; the next one's order follows theirs.
            inputs: What stands for the images, by their rows; None for the images.
            weights: (classes,), how much each class counts; None where all count alike.
        """
        super().__init__()
        self._dataset = dataset
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._targets = np.eye(len(dataset.classes), dtype=np.float32)
        self._epoch = epochs_done
        self._weights = weights
        self._inputs: Inputs = dataset.images if inputs is None else inputs
        self._order = rows

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        """Images (batch, height, width, channel), targets (batch, n_classes) float32.

        With weights of the classes, those of the images, (batch,), come third.
        """
        start = index * self._batch_size
        rows = self._order[start : start + self._batch_size]
        labels = self._dataset.labels[rows]
        weighted = () if self._weights is None else (self._weights[labels],)
        return (self._inputs[rows], self._targets[labels], *weighted)

    def on_epoch_begin(self) -> None:
        """Draw the order of the next epoch (Keras calls this once before each)."""
        self._epoch += 1
        self._order = np.random.default_rng([self._seed, self._epoch]).permutation(self._rows)


def fit_epochs(
    model: keras.Model,
    batches: EpochBatches,
    callback: keras.callbacks.Callback,
    epochs: range,
) -> None:
    """Trains with Keras' own loop, in the batches' order, until the callback stops it.

    A model that was built for several devices is trained on all of them.

    Args:
        model: Compiled.
        batches: They draw the order themselves.
        callback: Told of the begin and the end of each epoch and batch.
        epochs: Numbers of the epochs, from 0.
    """
    if is_mirrored(model):
        fit_mirrored(model, batches, callback, epochs)
        return
    model.fit(
        batches,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        verbose=0,
        shuffle=False,
        callbacks=[callback],
    )
