"""From a recipe to Keras models: the core, what it is trained in, and what it is measured in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError, SpaceError
from scans import Dataset
from trainables.accumulation import trained_model
from trainables.augmentation import augmentation_layers
from trainables.families import FAMILIES, Transfer
from trainables.recipe import Recipe
from trainables.runtime import numerics

__all__ = [
    "Statistics",
    "build_core",
    "build_family",
    "build_measured",
    "build_trained",
    "check_dataset",
    "scaling_layers",
]


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Mean and standard deviation per channel over the training part, in units of 0 to 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Statistics:
        """Take them from a data set."""
        return cls(
            mean=tuple(float(value) for value in dataset.mean),
            std=tuple(float(value) for value in dataset.std),
        )


def build_family(recipe: Recipe, *, pretrained: bool) -> keras_tuner.HyperModel:
    """The family's HyperModel; without `pretrained`, weights will be set afterwards."""
    if recipe.family not in FAMILIES:
        raise SpaceError(
            f"A family is one of {sorted(FAMILIES)}; received {recipe.family!r}. "
            "Correct 'family' in the configuration."
        )
    initial = recipe.weights if pretrained or recipe.weights == "none" else "random"
    return FAMILIES[recipe.family](recipe.task, weights=initial, preprocessing=recipe.preprocessing)


def build_core(
    recipe: Recipe,
    *,
    weights: Sequence[NDArray[Any]] | None = None,
    precision: str = "float32",
    fused_batch_norm: bool = False,
) -> keras.Model:
    """The family's network: (batch, height, width, channel) float32 in, probabilities out.

    Args:
        recipe: What to build.
        weights: Set these; None leaves the initial (or pretrained) ones. A head's alone are set
            behind the pretrained backbone, which they belong to.
        precision: Policy of the layers.
        fused_batch_norm: Use the fused layer; the weights are the same four.
    """
    parameters = keras_tuner.HyperParameters()
    # A value that stands already wins over a default, so the build finds the recipe's own.
    parameters.values = dict(recipe.configuration)
    head_alone = weights is not None and _is_of_head(recipe, weights)
    family = build_family(recipe, pretrained=weights is None or head_alone)
    with numerics(precision=precision, fused_batch_norm=fused_batch_norm):
        core = family.build(parameters)
    if head_alone:
        family.set_head(core, weights)
    elif weights is not None:
        core.set_weights(weights)
    return core


def _is_of_head(recipe: Recipe, weights: Sequence[NDArray[Any]]) -> bool:
    """Whether weights are those of a head: kernel and bias of each hidden layer and the softmax."""
    if recipe.family != Transfer.name:
        return False
    return len(weights) == 2 * (int(recipe.configuration["transfer/fc_layers"]) + 1)


def scaling_layers(recipe: Recipe, statistics: Statistics) -> list[keras.layers.Layer]:
    """What stands between pixels of 0 to 255 and the core's input."""
    if FAMILIES[recipe.family].input_range == "raw":
        return []
    variance = np.square(np.asarray(statistics.std, dtype=np.float64))
    return [
        keras.layers.Normalization(
            mean=list(statistics.mean),
            variance=[float(value) for value in variance],
            name="standardise",
            dtype="float32",
        )
    ]


def build_trained(
    recipe: Recipe, core: keras.Model, statistics: Statistics, *, strength: float
) -> keras.Model:
    """What `fit` trains: pixels in, random changes (in training only), scaling, core."""
    changes = augmentation_layers(strength, seed=recipe.seed)
    layers = [*changes, *scaling_layers(recipe, statistics)]
    return _wrap(recipe, core, layers, parts=recipe.accumulation)


def build_measured(recipe: Recipe, core: keras.Model, statistics: Statistics) -> keras.Model:
    """What is measured: pixels (batch, height, width, channel) uint8 in, scaling, core."""
    return _wrap(recipe, core, scaling_layers(recipe, statistics))


def check_dataset(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse a data set the recipe's task does not fit.

    Raises:
        DataError: Image size, channels or classes differ, or a part is empty.
    """
    task, shape = recipe.task, dataset.images.shape[1:]
    wanted = (task.image_size, task.image_size, task.channels)
    if shape != wanted or tuple(dataset.classes) != tuple(task.classes):
        raise DataError(
            f"The recipe is for images of {wanted} and the classes {list(task.classes)}; received "
            f"{shape} and {list(dataset.classes)}. Open the data set with the recipe's image size "
            "and colour, or train on the data it was made for."
        )
    if not len(dataset.train) or not len(dataset.validation):
        raise DataError(
            "Training needs at least one training and one validation image; received "
            f"{len(dataset.train)} and {len(dataset.validation)}. Split the data again."
        )


def _wrap(recipe: Recipe, core: keras.Model, before: list[Any], *, parts: int = 1) -> keras.Model:
    """A functional model from uint8 pixels through `before` to the core's probabilities."""
    task = recipe.task
    shape = (task.image_size, task.image_size, task.channels)
    pixels = keras.Input(shape, dtype="uint8", name="pixels")
    # Float from here on; Keras casts no whole numbers by itself.
    images = keras.layers.Rescaling(1.0, name="to_float", dtype="float32")(pixels)
    for layer in before:
        images = layer(images)
    return trained_model(pixels, core(images), name="whole", parts=parts)
