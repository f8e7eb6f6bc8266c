"""Train one recipe: the same function for a trial of a search and for its replay."""

from __future__ import annotations

import time
from dataclasses import replace

import keras

from neurosweep.errors import InfeasibleError
from scans import Dataset
from trainables import traces
from trainables.assemble import build_core, check_dataset
from trainables.bench import Bench
from trainables.checkpoint import made_for, read_state
from trainables.head_bench import HeadBench, head_data, is_cached
from trainables.progress import Limits
from trainables.recipe import Recipe
from trainables.results import FitResult, Report
from trainables.runtime import current_runtime
from trainables.settings import TrainingSettings
from trainables.sitting import Keep, Sitting
from trainables.training import Trained, train

__all__ = ["fit", "start_afresh"]


def fit(
    recipe: Recipe,
    dataset: Dataset,
    report: Report,
    *,
    state: bytes | None = None,
    keep: Keep | None = None,
    most_parameters: float | None = None,
) -> FitResult:
    """Train a recipe from its first weights, or from a kept state, to its kept epoch.

    On a CPU the same recipe, data and runtime give the same figures to the last digit, in this
    process and in a fresh one, in one sitting or in several. `trainables.start` comes first.

    Args:
        recipe: What to train.
        dataset: Opened at the recipe's image size and colour.
        report: Called with each epoch's record; False ends training at once.
        state: Where an earlier sitting left this training run; its epochs are not reported again.
        keep: Called after each epoch that another may follow, before it is reported, with a
            function that makes the state to go on from.
        most_parameters: A larger network is not trained at all.

    Raises:
        DataError: The data set does not fit the recipe.
        DivergedError: A loss became NaN or infinite.
        InfeasibleError: The network has more parameters than it may.
        StateError: The state is damaged, or of another recipe, data set or runtime.
    """
    runtime = current_runtime().of(recipe.family)
    check_dataset(recipe, dataset)
    settings = TrainingSettings.read(recipe.configuration)
    limits = Limits(
        epochs=recipe.epochs,
        patience=settings.patience,
        stop_epoch=recipe.stop_epoch,
        keep_by=recipe.keep_by,
    )
    started = time.perf_counter()
    # Before anything is seeded: whoever computes features must leave no trace in what follows.
    data = head_data(recipe, dataset) if is_cached(recipe) else None
    wanted = made_for(recipe, data_fingerprint=dataset.fingerprint, runtime=runtime.record())
    sitting = Sitting(
        made_for=wanted,
        earlier=None if state is None else read_state(state, wanted),
        keep=keep,
        started=started,
    )
    start_afresh(recipe.seed, like=recipe)
    bench = _on_images(recipe, dataset) if data is None else HeadBench(recipe, data)
    _check_size(bench, most_parameters)
    building = time.perf_counter() - started
    result = train(
        bench,
        report,
        settings=settings,
        limits=limits,
        seed=recipe.seed,
        sitting=sitting,
    )
    return replace(result, seconds=sitting.seconds_before + building + result.seconds)


def _on_images(recipe: Recipe, dataset: Dataset) -> Bench:
    runtime = current_runtime().of(recipe.family)
    core = build_core(
        recipe, precision=runtime.precision, fused_batch_norm=runtime.fused_batch_norm
    )
    return Bench(recipe, core, dataset, runtime=runtime)


def _check_size(bench: Trained, most: float | None) -> None:
    if most is not None and bench.parameters > most:
        raise InfeasibleError(
            f"a network may have {most:,.0f} parameters; this one has {bench.parameters:,}",
            parameters=bench.parameters,
        )


def start_afresh(seed: int, *, like: Recipe | None = None) -> None:
    """Forget the models before and seed every generator, as in a new process.

    Args:
        seed: Of every generator.
        like: What comes now; a model trained before by an equal recipe stays, with its traces.
    """
    if like is None or not traces.is_kept(like):
        traces.forget()
        keras.utils.clear_session(free_memory=True)
    keras.utils.set_random_seed(seed)
