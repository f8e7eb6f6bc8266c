"""Trains a head on cached features: a whole epoch is one call into TensorFlow.

`model.fit` spends most of a small head's step on Python: here the steps of an epoch are a loop
inside one traced function. Batches, losses, optimiser and their order are those of `fit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurosweep.errors import SpaceError
from scans import Dataset
from spaces import BACKBONES
from trainables import metrics
from trainables.alive import beat
from trainables.bench import Score
from trainables.class_weights import class_weights
from trainables.families import Transfer
from trainables.families.family import Settings
from trainables.features.cached import fill
from trainables.features.frozen import Frozen
from trainables.features.key import views_of
from trainables.layers import Tensor
from trainables.optimizers import build_optimizer
from trainables.recipe import Recipe
from trainables.settings import TrainingSettings

__all__ = ["HeadBench", "HeadData", "head_data", "is_cached"]


def is_cached(recipe: Recipe) -> bool:
    """Whether a recipe's network is a head on features that never change."""
    return recipe.family == Transfer.name


@dataclass(frozen=True, kw_only=True)
class HeadData:
    """Features that a head is trained and measured on, pooled as the recipe says.

    Attributes:
        train: (views, n_train, c) float32; the first view is the images as they are.
        train_labels: (n_train,)
        validation: (n_validation, c) float32.
        validation_labels: (n_validation,)
    """

    train: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    validation: NDArray[np.float32]
    validation_labels: NDArray[np.int64]


def head_data(recipe: Recipe, dataset: Dataset) -> HeadData:
    """Reads the features of a recipe, and computes those that are not in the cache.

    Raises:
        WeightsError: The backbone's weights are missing, or others than the recipe's.
        NeurosweepError: They cannot be computed or written.
    """
    frozen = Frozen.of(recipe)
    pooling = str(recipe.configuration["transfer/pooling"])
    both = np.concatenate([dataset.train, dataset.validation])
    plain = fill(frozen, dataset, both)
    others = views_of(_copies(recipe))[1:]
    stores = [plain, *(fill(frozen.seen_as(view), dataset, dataset.train) for view in others)]
    return HeadData(
        train=np.stack([_pooled(store.read(dataset.train), pooling) for store in stores]),
        train_labels=dataset.labels[dataset.train],
        validation=_pooled(plain.read(dataset.validation), pooling),
        validation_labels=dataset.labels[dataset.validation],
    )


def _copies(recipe: Recipe) -> int:
    """Changed copies of each training image that its epochs draw from."""
    if not recipe.configuration["training/augmentation"]:
        return 0
    if recipe.copies == 0:
        raise SpaceError(
            "Augmentation of a head needs changed copies of each image, received a recipe with "
            "training/augmentation = True and no copies. Set families.transfer.copies to 1 or more."
        )
    return recipe.copies


def _pooled(features: NDArray[np.float32], pooling: str) -> NDArray[np.float32]:
    """(n, 2, c) to (n, c), or (n, 2 c) with average before maximum."""
    if pooling == "both":
        return features.reshape(len(features), -1)
    return np.ascontiguousarray(features[:, 1 if pooling == "max" else 0])


class HeadBench:
    """A head in training; takes the place of `Bench` where features never change.

    Heads are computed in float32 whatever the runtime's policy: their arithmetic is small.
    """

    def __init__(self, recipe: Recipe, data: HeadData) -> None:
        """Builds the head with its first weights.

        Args:
            recipe: Of the family `transfer`.
            data: Its features.
        """
        settings = Settings(Transfer.name, recipe.configuration)
        family = Transfer(recipe.task, weights=recipe.weights, preprocessing=recipe.preprocessing)
        self.core: keras.Model = family.head(settings)
        self._data = data
        self._backbone = BACKBONES[settings.word("backbone")]
        classes = len(recipe.task.classes)
        told = class_weights(recipe.configuration, data.train_labels, classes)
        self._weights = np.ones(classes, np.float32) if told is None else told
        self._infer = tf.function(lambda features: self.core(features, training=False))

    @property
    def parameters(self) -> int:
        """Parameters of the whole network: backbone and head."""
        return self._backbone.parameters + int(self.core.count_params())

    def steps(self, settings: TrainingSettings) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self._data.train_labels) / settings.batch_size)

    def compile(self, settings: TrainingSettings, *, steps: int) -> keras.Model:
        """The head with its optimiser, for `steps` steps in all."""
        self.core.compile(
            optimizer=build_optimizer(settings, steps=steps, fused=True),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        )
        self.core.optimizer.build(self.core.trainable_variables)
        return self.core

    def run(
        self,
        model: keras.Model,
        callback: keras.callbacks.Callback,
        *,
        settings: TrainingSettings,
        seed: int,
        epochs: range,
    ) -> None:
        """Trains epoch after epoch until the callback sets `stop_training`.

        Args:
            model: What `compile` gave.
            callback: Told of the begin and the end of each epoch.
            settings: Of the compiled model.
            seed: Seeds the order of each epoch, as `batches.EpochBatches` does.
            epochs: Numbers of the epochs, from 0.
        """
        callback.set_model(model)
        model.stop_training = False
        train = _Epoch(model, self._data, self._weights, settings.batch_size)
        for epoch in epochs:
            callback.on_epoch_begin(epoch)
            if epoch == epochs.start:
                callback.on_train_batch_begin(0)
                train.trace()  # what takes the place of a first step
                callback.on_train_batch_end(0)
            loss, accuracy = train(_order(self._data, seed=seed, epoch=epoch + 1))
            beat()
            callback.on_epoch_end(epoch, {"loss": loss, "accuracy": accuracy})
            if model.stop_training:
                return

    def score(self) -> Score:
        """Measure the head as it is now on the validation part."""
        outputs = self._infer(tf.constant(self._data.validation)).numpy()
        labels = self._data.validation_labels
        return Score(
            probabilities=outputs,
            accuracy=metrics.accuracy(outputs, labels),
            loss=metrics.cross_entropy(outputs, labels),
        )


def _order(data: HeadData, *, seed: int, epoch: int) -> NDArray[np.int32]:
    """Rows of the views, one per image, in the order in which an epoch takes them."""
    generator = np.random.default_rng([seed, epoch])
    views, images = data.train.shape[:2]
    order = generator.permutation(images)
    # One view: no draw, so that the order is that of training on images.
    seen = generator.integers(0, views, images) if views > 1 else 0
    rows: NDArray[np.int32] = (seen * images + order).astype(np.int32)
    return rows


class _Epoch:
    """Trains one epoch in a given order; mean loss and accuracy come out."""

    def __init__(
        self, model: keras.Model, data: HeadData, weights: NDArray[np.float32], batch: int
    ) -> None:
        views, images, length = data.train.shape
        labels = np.tile(data.train_labels, views)
        self._model, self._images, self._batch = model, images, batch
        self._features = tf.constant(data.train.reshape(views * images, length))
        self._targets = tf.constant(np.eye(len(weights), dtype=np.float32)[labels])
        self._weights = tf.constant(weights[labels])
        signature = [tf.TensorSpec((images,), tf.int32)]
        self._epoch: Any = tf.function(self._steps, input_signature=signature)

    def __call__(self, order: NDArray[np.int32]) -> tuple[float, float]:
        loss, right = self._epoch(tf.constant(order))
        return float(loss) / self._images, float(right) / self._images

    def trace(self) -> None:
        """Has TensorFlow trace the epoch before it is run."""
        self._epoch.get_concrete_function()

    def _steps(self, order: Tensor) -> tuple[Tensor, Tensor]:
        sums = (tf.constant(0.0), tf.constant(0.0))
        for start in tf.range(0, self._images, self._batch):
            sums = self._step(order[start : tf.minimum(start + self._batch, self._images)], sums)
        return sums

    def _step(self, rows: Tensor, sums: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        model, targets = self._model, tf.gather(self._targets, rows)
        with tf.GradientTape() as tape:
            outputs = model(tf.gather(self._features, rows), training=True)
            loss = model.loss(targets, outputs, sample_weight=tf.gather(self._weights, rows))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        right = tf.equal(tf.argmax(outputs, 1), tf.argmax(targets, 1))
        count = tf.cast(tf.shape(rows)[0], tf.float32)
        return sums[0] + loss * count, sums[1] + tf.reduce_sum(tf.cast(right, tf.float32))
