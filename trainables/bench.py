"""The Keras models of one training run, and their validation score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from scans import Dataset
from trainables import metrics, traces
from trainables.accumulation import is_in_parts
from trainables.assemble import Statistics, build_measured, build_trained
from trainables.batches import EpochBatches, fit_epochs
from trainables.class_weights import class_weights
from trainables.measure import Meter
from trainables.optimizers import build_optimizer
from trainables.recipe import Recipe, same_but_seed
from trainables.runtime import Runtime
from trainables.settings import TrainingSettings
from trainables.traces import Traced

__all__ = ["Bench", "MakeOptimizer", "Score", "compiled"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """Validation figures of one set of weights, all from the same probabilities.

    Attributes:
        probabilities: (n_validation, n_classes) float32.
        accuracy: 0 to 1.
        loss: Mean cross-entropy without smoothing.
    """

    probabilities: NDArray[np.float32]
    accuracy: float
    loss: float


class MakeOptimizer(Protocol):
    """Makes an optimiser for so many steps in all."""

    def __call__(self, settings: TrainingSettings, *, steps: int) -> keras.optimizers.Optimizer:
        """The optimiser, not built."""


def compiled(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    settings: TrainingSettings,
    runtime: Runtime,
) -> keras.Model:
    """A model ready for `fit`, its optimiser's variables made.

    Args:
        model: From pixels or activations to probabilities.
        optimizer: Not built.
        settings: Of the loss.
        runtime: The process's runtime.
    """
    if runtime.precision == "mixed_float16":
        # Keras scales losses by itself only where the outermost model has the policy; here it
        # is the core inside. Unscaled, small gradients are zero in half precision.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=runtime.xla and _can_be_compiled(model, settings),
    )
    # TensorFlow traces a step twice if variables come to life in it.
    model.optimizer.build(model.trainable_variables)
    return model


def _can_be_compiled(model: keras.Model, settings: TrainingSettings) -> bool:
    """Whether XLA has all operations of a step: none that turns images, none of unknown size."""
    return settings.augmentation_strength == 0 and not is_in_parts(model)


class Bench:
    """A core in the model that trains it and in the one that measures it.

    What is measured is what would be published: float32, whatever the steps are computed in.
    """

    def __init__(
        self,
        recipe: Recipe,
        core: keras.Model,
        dataset: Dataset,
        *,
        runtime: Runtime,
        optimizer: MakeOptimizer = build_optimizer,
    ) -> None:
        """Build the measuring model; `compile` builds the training one.

        Args:
            recipe: What `core` was built from.
            core: The network to train, built under the runtime's precision.
            dataset: Where statistics and validation images come from.
            runtime: The process's runtime.
            optimizer: Makes the optimiser; what it depends on is in the recipe.
        """
        self._optimizer = optimizer
        self.core = core
        self._recipe = recipe
        self._dataset = dataset
        self._statistics = Statistics.of(dataset)
        self._runtime = runtime
        self._meter = Meter(build_measured(recipe, core, self._statistics))

    @property
    def parameters(self) -> int:
        """Parameters of the core, trainable or not."""
        return int(self.core.count_params())

    def steps(self, settings: TrainingSettings) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self._dataset.train) / settings.batch_size)

    def compile(self, settings: TrainingSettings, *, steps: int) -> keras.Model:
        """The training model, compiled for `steps` steps in all.

        If an equal one was trained just before, it is that one, set back to this one's state, and
        `core` is its core: it need not be traced again.
        """
        fresh = Traced(core=self.core, model=self._compiled(settings, steps), meter=self._meter)
        traced = traces.again(self._key(settings, steps), fresh)
        self.core, self._meter = traced.core, traced.meter
        return traced.model

    def _key(self, settings: TrainingSettings, steps: int) -> tuple[object, ...]:
        """All that a traced step depends on."""
        trained = tuple(variable.path for variable in self.core.trainable_variables)
        recipe, plan = same_but_seed(self._recipe), self._recipe.fine_tune
        return recipe, plan, settings, steps, self._statistics, self._runtime, trained

    def _compiled(self, settings: TrainingSettings, steps: int) -> keras.Model:
        model = build_trained(
            self._recipe, self.core, self._statistics, strength=settings.augmentation_strength
        )
        return compiled(model, self._optimizer(settings, steps=steps), settings, self._runtime)

    def run(
        self,
        model: keras.Model,
        callback: keras.callbacks.Callback,
        *,
        settings: TrainingSettings,
        seed: int,
        epochs: range,
    ) -> None:
        """Train with Keras' own loop until the callback stops it.

        Args:
            model: What `compile` gave.
            callback: Told of the begin and the end of each epoch and batch.
            settings: Of the compiled model.
            seed: Seeds the order of the images.
            epochs: Numbers of the epochs, from 0.
        """
        batches = EpochBatches(
            self._dataset,
            self._dataset.train,
            batch_size=settings.batch_size,
            seed=seed,
            epochs_done=epochs.start,
            weights=class_weights(
                self._recipe.configuration,
                self._dataset.labels[self._dataset.train],
                len(self._dataset.classes),
            ),
        )
        fit_epochs(model, batches, callback, epochs)

    def score(self) -> Score:
        """Measure the core as it is now on the validation part."""
        rows = self._dataset.validation
        probabilities = self._meter.probabilities(self._dataset, rows)
        labels = self._dataset.labels[rows]
        return Score(
            probabilities=probabilities,
            accuracy=metrics.accuracy(probabilities, labels),
            loss=metrics.cross_entropy(probabilities, labels),
        )
