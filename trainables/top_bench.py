"""Trains what lies above a cut on the cached output of what lies below it.

The lower part is frozen and works in inference mode, so its output for an image never changes:
it is computed once, by the float32 network, and each epoch runs the upper part alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from scans import Dataset
from trainables import metrics
from trainables.accumulation import trained_model
from trainables.alive import beat
from trainables.assemble import Statistics, scaling_layers
from trainables.batches import EpochBatches, fit_epochs
from trainables.bench import MakeOptimizer, Score, compiled
from trainables.features.extraction import Extraction
from trainables.features.key import PLAIN, FeatureKey, files_hash
from trainables.features.shards import shards
from trainables.features.store import FeatureStore, OpenRows
from trainables.features.tidying import OPERATION
from trainables.graph import split_at
from trainables.layers import Tensor
from trainables.measure import in_float32, measuring_batch
from trainables.recipe import Recipe
from trainables.runtime import Runtime
from trainables.settings import TrainingSettings

__all__ = ["Activations", "LowerPart", "TopBench"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Activations:
    """What enters the upper part, for each image of a data set.

    Attributes:
        rows: What enters it, mapped: it stays readable if the cache is tidied.
        shape: Of one image's.
        position: Of the cut, in the operations of the network.
    """

    rows: OpenRows
    shape: tuple[int, ...]
    position: int


class LowerPart:
    """The frozen part of a trained network, in float32.

    Attributes:
        store: The cache of its output.
    """

    def __init__(
        self,
        recipe: Recipe,
        core: keras.Model,
        dataset: Dataset,
        position: int,
        *,
        precision: str,
    ) -> None:
        """Looks at what lies below a cut.

        Args:
            recipe: Of the whole network.
            core: The network with its weights, built in float32.
            dataset: The images.
            position: Of the cut, in `core.operations`.
            precision: "float16" or "float32": what the output is kept in.
        """
        self._lower, _ = split_at(core, position)
        self._position = position
        self._dataset = dataset
        self._precision = precision
        statistics = Statistics.of(dataset)
        self._scaling = scaling_layers(recipe, statistics)
        key = FeatureKey(
            data=dataset.fingerprint,
            files=files_hash(dataset.files),
            network=core.name,
            weights=_hash_of(self._lower.get_weights()),
            image_size=recipe.task.image_size,
            channels=recipe.task.channels,
            preprocessing=_preprocessing(recipe, statistics),
            layer=f"{OPERATION}{position}",  # names can be automatic, and then differ
            precision=precision,
        )
        shape = (len(dataset.files), *self._lower.output_shape[1:])
        self.store = FeatureStore(dataset.cache, key, shape)

    def missing(self) -> NDArray[np.int64]:
        """The rows of training and validation that are not in the cache."""
        self.store.used()  # first: whoever tidies up from now on takes others before it
        return self.store.missing(np.concatenate([self._dataset.train, self._dataset.validation]))

    def bytes_of(self, rows: NDArray[np.int64]) -> int:
        """Bytes that its output takes for some images."""
        return self.store.size // self.store.shape[0] * len(rows)

    def compute(self, rows: NDArray[np.int64]) -> None:
        """Computes rows into the cache, other than those that another process computes meanwhile.

        Raises:
            NeurosweepError: A full disk.
            OutOfMemoryError: There is no memory for a single image.
        """
        store, extraction = self.store, self._extraction()
        with store.filling():
            for shard in shards(store.missing(rows)):
                packed = extraction.packed(self._dataset.images, shard, PLAIN, self._precision)
                store.add(shard, packed)
        store.used()

    def opened(self) -> Activations:
        """What enters the upper part; nothing is `missing` any more."""
        shape = self.store.shape[1:]
        return Activations(rows=self.store.opened(), shape=shape, position=self._position)

    def _extraction(self) -> Extraction:
        images = keras.Input(self._lower.input_shape[1:], name="pixels")
        scaled = images
        for layer in self._scaling:
            scaled = layer(scaled)
        return Extraction(keras.Model(images, self._lower(scaled), name=self._lower.name))


class TopBench:
    """The upper part in training; takes the place of `Bench`."""

    def __init__(
        self,
        core: keras.Model,
        activations: Activations,
        dataset: Dataset,
        *,
        runtime: Runtime,
        optimizer: MakeOptimizer,
        weights: NDArray[np.float32] | None = None,
        parts: int = 1,
    ) -> None:
        """Splits a core whose lower part is frozen.

        Args:
            core: With its weights, frozen below.
            activations: Filled, for training and validation.
            dataset: Labels and rows.
            runtime: The process's runtime.
            optimizer: Makes the optimiser.
            weights: (classes,), how much each class counts; None where all count alike.
            parts: Of a batch, that a step goes through one after the other.
        """
        self.core = core
        self._dataset = dataset
        self._rows, shape = activations.rows, activations.shape
        self._weights = weights
        self._runtime = runtime
        self._optimizer = optimizer
        _, upper = split_at(core, activations.position)
        inputs = keras.Input(shape, dtype="float32", name="activations")
        self._model = trained_model(inputs, upper(inputs), name="upper", parts=parts)
        self._batch = measuring_batch(int(core.input_shape[1]))

        def infer(maps: Tensor) -> Tensor:  # runs once, when it is traced
            with in_float32(self._model):
                return self._model(maps, training=False)

        signature = [tf.TensorSpec((None, *shape), tf.float32)]
        self._infer = tf.function(infer, input_signature=signature)

    @property
    def parameters(self) -> int:
        """Parameters of the whole network."""
        return int(self.core.count_params())

    def steps(self, settings: TrainingSettings) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self._dataset.train) / settings.batch_size)

    def compile(self, settings: TrainingSettings, *, steps: int) -> keras.Model:
        """The upper part, compiled for `steps` steps in all."""
        optimizer = self._optimizer(settings, steps=steps)
        return compiled(self._model, optimizer, settings, self._runtime)

    def run(
        self,
        model: keras.Model,
        callback: keras.callbacks.Callback,
        *,
        settings: TrainingSettings,
        seed: int,
        epochs: range,
    ) -> None:
        """Trains with Keras' own loop until the callback stops it."""
        batches = EpochBatches(
            self._dataset,
            self._dataset.train,
            batch_size=settings.batch_size,
            seed=seed,
            epochs_done=epochs.start,
            weights=self._weights,
            inputs=self._rows,
        )
        fit_epochs(model, batches, callback, epochs)

    def score(self) -> Score:
        """Measures the network as it is now on the validation part."""
        rows, outputs = self._dataset.validation, []
        for start in range(0, len(rows), self._batch):
            maps = self._rows[rows[start : start + self._batch]]
            outputs.append(self._infer(tf.constant(maps)).numpy())
            beat()
        probabilities = np.concatenate(outputs)
        labels = self._dataset.labels[rows]
        return Score(
            probabilities=probabilities,
            accuracy=metrics.accuracy(probabilities, labels),
            loss=metrics.cross_entropy(probabilities, labels),
        )


def _preprocessing(recipe: Recipe, statistics: Statistics) -> str:
    if scaling_layers(recipe, statistics):
        told = repr((statistics.mean, statistics.std)).encode()
        return f"standardised-{hashlib.sha256(told).hexdigest()[:8]}"
    return recipe.preprocessing


def _hash_of(weights: Sequence[NDArray[Any]]) -> str:
    state = hashlib.sha256()
    for one in weights:
        state.update(np.ascontiguousarray(one).tobytes())
    return state.hexdigest()
