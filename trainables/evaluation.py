"""Look at a trained network: its probabilities on one part, its latency, its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans import Dataset
from trainables import metrics
from trainables.assemble import Statistics, build_core, build_measured, check_dataset
from trainables.fitting import start_afresh
from trainables.inference_time import BATCH, measured_latency, median_of_one
from trainables.measure import Meter
from trainables.recipe import Recipe
from trainables.results import Evaluation
from trainables.runtime import current_runtime

__all__ = ["PARTS", "evaluate", "latency"]

PARTS = ("train", "validation", "test")


def evaluate(
    recipe: Recipe, weights: Sequence[NDArray[Any]], dataset: Dataset, part: str
) -> Evaluation:
    """Measure weights in the form they are published in: float32, stock layers.

    Args:
        recipe: What `weights` were trained with.
        weights: Of the core, as `fit` gives them.
        dataset: The data `fit` was given.
        part: "train", "validation" or "test".

    Raises:
        DataError: The part is unknown or empty, or the data set does not fit the recipe.
    """
    rows = _rows(dataset, part)
    meter, core = _meter(recipe, weights, dataset)
    probabilities = meter.probabilities(dataset, rows)
    return Evaluation(
        probabilities=probabilities,
        accuracy=metrics.accuracy(probabilities, dataset.labels[rows]),
        loss=metrics.cross_entropy(probabilities, dataset.labels[rows]),
        latency=measured_latency(meter, dataset.images[rows[:BATCH]]),
        parameters=int(core.count_params()),
    )


def latency(recipe: Recipe, weights: Sequence[NDArray[Any]], dataset: Dataset) -> float:
    """Median milliseconds of one image through a trained network, in the form `evaluate` times.

    Args:
        recipe: What `weights` were trained with.
        weights: Of the core, as `fit` gives them.
        dataset: The data `fit` was given; a validation image is looked at.

    Raises:
        DataError: The data set does not fit the recipe.
    """
    meter, _ = _meter(recipe, weights, dataset)
    return median_of_one(meter, dataset.images[_rows(dataset, "validation")[:1]])


def _meter(
    recipe: Recipe, weights: Sequence[NDArray[Any]], dataset: Dataset
) -> tuple[Meter, keras.Model]:
    """The network in the form it is published in, and its core."""
    current_runtime()
    check_dataset(recipe, dataset)
    start_afresh(recipe.seed)
    core = build_core(recipe, weights=weights)
    return Meter(build_measured(recipe, core, Statistics.of(dataset))), core


def _rows(dataset: Dataset, part: str) -> NDArray[np.int64]:
    """The rows of one part, at least one."""
    if part not in PARTS:
        raise DataError(f"A part is one of {list(PARTS)}; received {part!r}. Name one of them.")
    rows: NDArray[np.int64] = getattr(dataset, part)
    if not len(rows):
        raise DataError(
            f"A part to be evaluated has at least one image; received an empty {part!r}. "
            "Split the data so that it has some."
        )
    return rows
