"""The Keras models of one training run, and their validation score."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from scans import Dataset
from trainables import metrics, traces
from trainables.assemble import Statistics, build_measured, build_trained
from trainables.measure import Meter
from trainables.optimizers import build_optimizer
from trainables.recipe import Recipe, same_but_seed
from trainables.runtime import Runtime
from trainables.settings import TrainingSettings
from trainables.traces import Traced

__all__ = ["Bench", "Score"]


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


class Bench:
    """A core in the model that trains it and in the one that measures it.

    What is measured is what would be published: float32, whatever the steps are computed in.
    """

    def __init__(
        self, recipe: Recipe, core: keras.Model, dataset: Dataset, *, runtime: Runtime
    ) -> None:
        """Build the measuring model; `compile` builds the training one.

        Args:
            recipe: What `core` was built from.
            core: The network to train, built under the runtime's precision.
            dataset: Where statistics and validation images come from.
            runtime: The process's runtime.
        """
        self.core = core
        self._recipe = recipe
        self._dataset = dataset
        self._statistics = Statistics.of(dataset)
        self._runtime = runtime
        self._meter = Meter(build_measured(recipe, core, self._statistics))

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
        recipe = same_but_seed(self._recipe)
        return recipe, settings, steps, self._statistics, self._runtime, trained

    def _compiled(self, settings: TrainingSettings, steps: int) -> keras.Model:
        model = build_trained(
            self._recipe, self.core, self._statistics, strength=settings.augmentation_strength
        )
        optimizer = build_optimizer(settings, steps=steps)
        if self._runtime.precision == "mixed_float16":
            # Keras scales losses by itself only where the outermost model has the policy; here it
            # is the core inside. Unscaled, small gradients are zero in half precision.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            # On two cores XLA was slower in steps and took minutes to compile a five-conv network.
            jit_compile=False,
        )
        # TensorFlow traces a step twice if variables come to life in it.
        model.optimizer.build(model.trainable_variables)
        return model

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
