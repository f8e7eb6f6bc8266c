"""Train the top block of a trained network a little further, as paper A does, and beyond it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from neurosweep.errors import ExperimentError, NeurosweepError
from scans import Dataset
from scans.caches.decoded import CACHE_VARIABLE, free_bytes
from trainables.assemble import build_core, build_family, check_dataset
from trainables.bench import Bench
from trainables.class_weights import class_weights
from trainables.families import Transfer
from trainables.features.tidying import make_room
from trainables.fitting import start_afresh
from trainables.graph import cut_below, depths
from trainables.layered_rates import LayeredAdam
from trainables.mirrored import mirrored
from trainables.optimizers import finished, warmed_up
from trainables.progress import Limits
from trainables.recipe import FineTune, Recipe
from trainables.results import FitResult, Report
from trainables.runtime import current_runtime
from trainables.settings import TrainingSettings
from trainables.thawing import freeze_below, thawed
from trainables.top_bench import Activations, LowerPart, TopBench
from trainables.training import Trained, train

__all__ = ["fine_tune"]

_SHARE_OF_DISK = 0.5
"""Of what is free on the disk of the cache, the most that the frozen part's output may take."""


def fine_tune(
    recipe: Recipe, weights: Sequence[NDArray[Any]], dataset: Dataset, report: Report
) -> FitResult:
    """Unfreeze the top block, or as much as the recipe says, and go on at a low learning rate.

    The rest is frozen, batch norm works in inference mode everywhere, the optimiser is Adam; batch
    size, augmentation and label smoothing are the configuration's. Where nothing is augmented, the
    frozen part runs once over the images and each epoch trains the upper part on its output.
    In a process that was started with several GPUs a backbone is trained on all of them, which
    gives the same figures to rounding.

    Args:
        recipe: What `weights` were trained with; its `fine_tune` says how to go on.
        weights: Of the core, or of a backbone's head, as `fit` gives them.
        dataset: The data `fit` was given.
        report: Called with each epoch's record; False ends training at once.

    Returns:
        The best epoch after the start, with the weights of the whole core. `before_val_accuracy`
        and `before_val_loss` are those of `weights`, so that the caller can tell whether it was
        worth it; `cache` says what the frozen part's output was kept in.

    Raises:
        ExperimentError: The recipe has no `fine_tune`.
        NeurosweepError: The recipe says that the frozen part's output is kept, and the disk has no
            room for it.
        DivergedError: A loss became NaN or infinite.
    """
    plan = recipe.fine_tune
    if plan is None:
        raise ExperimentError(
            "Fine-tuning needs a recipe that says how; received one without fine_tune. "
            "Set it to FineTune(epochs=..., patience=...)."
        )
    current_runtime()
    check_dataset(recipe, dataset)
    started = time.perf_counter()
    # Before anything is seeded: whoever computes must leave no trace in what follows.
    below = _computed(recipe, plan, weights, dataset)
    start_afresh(recipe.seed)
    # Custom networks are small: dividing their batches would cost more than it saves.
    with mirrored() if recipe.family == Transfer.name else nullcontext():
        bench = _bench(recipe, plan, weights, dataset, below)
        before = bench.score()
        preparing = time.perf_counter() - started
        result = train(
            bench,
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
        cache=below.precision,
    )


@dataclass(frozen=True, kw_only=True)
class _Below:
    """The frozen part's output, or None where every epoch computes it."""

    activations: Activations | None = None
    precision: str = "none"


def _computed(
    recipe: Recipe, plan: FineTune, weights: Sequence[NDArray[Any]], dataset: Dataset
) -> _Below:
    """The frozen part's output, computed now if it is not in the cache."""
    augmented = TrainingSettings.read(recipe.configuration).augmentation_strength > 0
    if plan.cache == "none" or (plan.cache == "auto" and augmented):
        return _Below()
    if augmented:
        raise ExperimentError(
            "What a frozen part gives is kept where images do not change; received a recipe with "
            f"augmentation and cache = {plan.cache!r}. Set cache to none, or to auto."
        )
    precision = "float16" if plan.cache == "auto" else plan.cache
    start_afresh(recipe.seed)
    core = build_core(recipe, weights=weights)
    names = _thawed(recipe, plan, core)
    lower = LowerPart(recipe, core, dataset, cut_below(core, names), precision=precision)
    missing = lower.missing()
    if len(missing):
        if not _has_room(plan, lower, lower.bytes_of(missing), dataset.cache.absolute()):
            return _Below()
        lower.compute(missing)
    return _Below(activations=lower.opened(), precision=precision)


def _has_room(plan: FineTune, lower: LowerPart, needed: int, cache: Path) -> bool:
    """Whether the disk has room, made by removing what earlier fine-tunings left.

    Raises:
        NeurosweepError: It has not, and a replay must do as the recorded training did.
    """
    make_room(cache, lower.store.folder, needed)
    free = free_bytes(cache)
    if plan.cache == "auto":
        return needed <= _SHARE_OF_DISK * free
    if needed > free:
        raise NeurosweepError(
            f"A fine-tuning with cache = {plan.cache!r} keeps what its frozen part gives for each "
            f"image, as the training that it repeats did; this needs {needed:,} bytes below "
            f"{cache}, and {free:,} are free. Make room (`neurosweep cache list`, `neurosweep "
            f"cache clear`), set {CACHE_VARIABLE} to a folder elsewhere, or repeat it on a machine "
            "with more room."
        )
    return True


def _bench(
    recipe: Recipe,
    plan: FineTune,
    weights: Sequence[NDArray[Any]],
    dataset: Dataset,
    below: _Below,
) -> Trained:
    # Batch norm is frozen, thus only ever infers: the fused training kernel has nothing to gain.
    runtime = replace(current_runtime().of(recipe.family), fused_batch_norm=False)
    core = build_core(recipe, weights=weights, precision=runtime.precision)
    names = _thawed(recipe, plan, core)
    freeze_below(core, names)
    optimizer = _Optimizer(plan, core, names)
    if below.activations is None:
        own = replace(recipe, accumulation=plan.accumulation)
        return Bench(own, core, dataset, runtime=runtime, optimizer=optimizer)
    labels, classes = dataset.labels[dataset.train], len(dataset.classes)
    return TopBench(
        core,
        below.activations,
        dataset,
        runtime=runtime,
        optimizer=optimizer,
        weights=class_weights(recipe.configuration, labels, classes),
        parts=plan.accumulation,
    )


def _thawed(recipe: Recipe, plan: FineTune, core: keras.Model) -> tuple[str, ...]:
    top_block = build_family(recipe, pretrained=False).top_block(core)
    return thawed(core, top_block, plan.depth)


class _Optimizer:
    """Makes Adam as a plan says, with a rate for each depth of the network."""

    def __init__(self, plan: FineTune, core: keras.Model, names: Sequence[str]) -> None:
        self._plan = plan
        self._factors = {
            variable.path: plan.rate_decay**depth
            for name, depth in depths(core, names).items()
            for variable in core.get_layer(name).trainable_variables
            if plan.rate_decay < 1
        }

    def __call__(self, settings: TrainingSettings, *, steps: int) -> keras.optimizers.Optimizer:
        rate = warmed_up(settings.learning_rate, self._plan.warm_up, steps)
        decay = settings.weight_decay
        return finished(LayeredAdam(rate, self._factors, weight_decay=decay or None), decay)


def _settings(recipe: Recipe, plan: FineTune) -> TrainingSettings:
    """The configuration's training settings with those of fine-tuning over them."""
    return replace(
        TrainingSettings.read(recipe.configuration),
        optimizer="adam",
        learning_rate=plan.learning_rate,
        schedule="constant",
        weight_decay=plan.weight_decay,
        patience=plan.patience,
    )
