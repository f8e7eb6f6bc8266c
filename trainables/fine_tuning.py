"""Train the top block of a trained network a little further, as paper A does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from numpy.typing import NDArray

from neurosweep.errors import ExperimentError, NeurosweepError
from scans import Dataset
from trainables.assemble import build_core, build_family, check_dataset
from trainables.bench import Bench
from trainables.fitting import start_afresh
from trainables.progress import Limits
from trainables.recipe import FineTune, Recipe
from trainables.results import FitResult, Report
from trainables.runtime import current_runtime
from trainables.settings import TrainingSettings
from trainables.training import train

__all__ = ["fine_tune", "freeze_below"]


def fine_tune(
    recipe: Recipe, weights: Sequence[NDArray[Any]], dataset: Dataset, report: Report
) -> FitResult:
    """Unfreeze the top block only and go on at a low learning rate.

    The rest is frozen, batch norm works in inference mode everywhere, the optimiser is Adam at a
    constant rate; batch size, augmentation and label smoothing are the configuration's.

    Args:
        recipe: What `weights` were trained with; its `fine_tune` says how long to go on.
        weights: Of the core, as `fit` gives them.
        dataset: The data `fit` was given.
        report: Called with each epoch's record; False ends training at once.

    Returns:
        The best epoch after the start. `before_val_accuracy` and `before_val_loss` are those of
        `weights`, so that the caller can tell whether it was worth it.

    Raises:
        ExperimentError: The recipe has no `fine_tune`.
        DivergedError: A loss became NaN or infinite.
    """
    plan = recipe.fine_tune
    if plan is None:
        raise ExperimentError(
            "Fine-tuning needs a recipe that says how; received one without fine_tune. "
            "Set it to FineTune(epochs=..., patience=...)."
        )
    runtime = current_runtime()
    check_dataset(recipe, dataset)
    started = time.perf_counter()
    start_afresh(recipe.seed)
    # Batch norm is frozen, thus only ever infers: the fused training kernel has nothing to gain.
    core = build_core(recipe, weights=weights, precision=runtime.precision)
    freeze_below(core, build_family(recipe, pretrained=False).top_block(core))
    bench = Bench(recipe, core, dataset, runtime=replace(runtime, fused_batch_norm=False))
    before = bench.score()
    preparing = time.perf_counter() - started
    result = train(
        bench,
        dataset,
        report,
        settings=_settings(recipe, plan),
        limits=Limits(epochs=plan.epochs, patience=plan.patience, keep_by=recipe.keep_by),
        seed=recipe.seed,
    )
    return replace(
        result,
        seconds=result.seconds + preparing,
        before_val_accuracy=before.accuracy,
        before_val_loss=before.loss,
    )


def freeze_below(core: keras.Model, top_block: Sequence[str]) -> None:
    """Leave only the layers named in `top_block` trainable, and of them no batch norm.

    Raises:
        NeurosweepError: `top_block` names no layer with weights.
    """
    names = set(top_block)
    for layer in core.layers:
        is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name in names and not is_batch_norm
    if not core.trainable_weights:
        raise NeurosweepError(
            f"A top block names layers that have weights to train; received {sorted(names)}. "
            "Correct the family's top_block."
        )


def _settings(recipe: Recipe, plan: FineTune) -> TrainingSettings:
    """The configuration's training settings with those of fine-tuning over them."""
    return replace(
        TrainingSettings.read(recipe.configuration),
        optimizer="adam",
        learning_rate=plan.learning_rate,
        schedule="constant",
        weight_decay=0.0,
        patience=plan.patience,
    )
