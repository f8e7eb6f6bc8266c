"""What a warm child can do; each function is one task, called by name.

Thin on purpose: the work is done by `trainables` and `scans`, and `neurosweep rerun` calls the
same functions of theirs without Ray or a child process.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

import scans
import trainables
from search.staging.local_weights import delivery, worker_weights
from search.workers.state_rhythm import KEEP_SECONDS, StateRhythm
from search.workers.task_recipes import recipes_of
from trainables import (
    Ensemble,
    EpochRecord,
    Evaluation,
    Explained,
    FitResult,
    Recipe,
    Runtime,
    Wanted,
)
from trainables.alive import BreakOff
from trainables.features.frozen import Frozen
from trainables.features.store import Packed, unpack
from trainables.results import Latency

__all__ = [
    "ensemble_latency",
    "evaluate",
    "explain",
    "export",
    "export_ensemble",
    "extract",
    "fine_tune",
    "fit",
    "measure",
    "prepare",
    "probe",
    "retrain",
    "start",
]

Report = Callable[[EpochRecord], bool]


_NETWORKS_KEPT = 4  # frozen ones, of up to 250 MB each


class StateReport(Protocol):
    """A report that takes states too."""

    def __call__(self, record: EpochRecord) -> bool:
        """Takes an epoch's record; False means: stop now."""

    def keep(self, state: bytes) -> None:
        """Takes the state after the epoch that is reported next."""


Weights = Sequence[NDArray[np.generic]]
Features = tuple[Packed, NDArray[np.int64]]
P = ParamSpec("P")
R = TypeVar("R")


def _delivered(task: Callable[P, R]) -> Callable[P, R]:
    """A task that says so where it misses a weight file that the driver should have delivered."""

    @wraps(task)
    def run(*args: P.args, **payload: P.kwargs) -> R:
        with ExitStack() as awaited:
            for one in _frozen_of(payload):
                awaited.enter_context(delivery(one.weights, one.backbone, one.weights_hash))
            return task(*args, **payload)

    return run


def start(runtime: Runtime, gpus: float) -> None:
    """Sets threads, share of a GPU and determinism before TensorFlow's first operation."""
    trainables.start(runtime, gpus=gpus)


def prepare(
    *, source: scans.Source, sizes: Sequence[tuple[int, str]], report: Report
) -> list[dict[str, Any]]:
    """Builds this node's decoded caches, one per (image size, colour).

    Returns:
        For each that this process built, and did not find: `size`, `color` and `seconds`.
    """
    del report
    return scans.build_caches(source, sizes)


def measure(
    *,
    source: scans.Source,
    image_sizes: Mapping[str, int],
    channels: int,
    with_xla: bool,
    report: Report,
) -> dict[str, Any]:
    """Tells what trains fastest here, measured now or before, for each family by its image size."""
    del report
    return {
        family: trainables.measured_precision(
            cache=source.cache,
            family=family,
            image_size=image_size,
            channels=channels,
            with_xla=with_xla,
        )
        for family, image_size in image_sizes.items()
    }


@_delivered
def extract(
    *, frozen: Frozen, source: scans.Source, rows: NDArray[np.int64], report: Report
) -> tuple[Packed, float]:
    """Runs some images through a frozen backbone.

    Returns:
        Their features, in the form in which they are kept, and the seconds they took.
    """
    del report
    began = time.perf_counter()
    task = frozen.task
    folder = worker_weights(frozen.weights, frozen.backbone, frozen.weights_hash)
    frozen = replace(frozen, weights=folder)
    dataset = _open(_Key(source), task.image_size, color_of(task.channels))
    packed = _extraction(frozen.known()).packed(dataset.images, rows, frozen.view, "float16")
    return packed, time.perf_counter() - began


def probe(
    *,
    train: Features,
    validation: Features,
    groups: NDArray[np.int64],
    report: Report,
) -> trainables.Probed:
    """Fits a linear probe on features as they are kept: (packed, labels) for each part."""
    del report
    return trainables.probe(
        (unpack(train[0]), train[1]), (unpack(validation[0]), validation[1]), groups
    )


@_delivered
def fit(
    *,
    recipe: Recipe,
    source: scans.Source,
    report: StateReport,
    state: bytes | None = None,
    keep_seconds: float = KEEP_SECONDS,
    most_parameters: float | None = None,
    with_latency: bool = False,
) -> FitResult:
    """Trains one configuration, from its beginning or from a state; hands over states of it."""
    recipe, dataset = _local(recipe), _dataset(source, recipe)
    result = trainables.fit(
        recipe,
        dataset,
        report,
        state=state,
        keep=StateRhythm(report.keep, seconds=keep_seconds),
        most_parameters=most_parameters,
    )
    if not with_latency:
        return result
    return replace(result, latency_ms=trainables.latency(recipe, result.weights, dataset))


@_delivered
def fine_tune(
    *, recipe: Recipe, weights: Weights, source: scans.Source, report: Report
) -> FitResult | None:
    """Trains the top block of a trained configuration.

    Returns:
        What it came to; None if its time was over before its first epoch, which is no failure.
    """
    try:
        result = trainables.fine_tune(_local(recipe), weights, _dataset(source, recipe), report)
    except BreakOff:
        return None
    return replace(result, node=platform.node())


@_delivered
def retrain(
    *, recipe: Recipe, source: scans.Source, fold: int | None, report: Report
) -> dict[str, float] | None:
    """Trains a recipe as a rerun does, and measures it on the images that validate.

    With a fold it is trained on all folds but that one and measured there; without, on the run's
    own parts. Mean and standard deviation of the pixels come from its own training images. The
    epoch that is kept is the best one on the images that are measured, as in the search: the
    figure is a little better than one on images that had no say at all.

    Returns:
        `accuracy` and `loss`, and the `seconds` it took; None if it was told to stop before its
        end, which makes no figure.
    """
    began = time.perf_counter()
    if fold is not None:
        source = replace(source, split=scans.fold_split(source.split, fold))
    dataset = _dataset(source, recipe)

    def go_on(record: EpochRecord) -> bool:
        # Half a training is worth nothing here, and a stopped fit would still be fine-tuned.
        if not report(record):
            raise _StoppedError
        return True

    try:
        result = trainables.rerun(_local(recipe), dataset, go_on)
    except _StoppedError:
        return None
    return {
        "accuracy": result.val_accuracy,
        "loss": result.val_loss,
        "seconds": time.perf_counter() - began,
    }


@_delivered
def evaluate(
    *, recipe: Recipe, weights: Weights, source: scans.Source, part: str, report: Report
) -> Evaluation:
    """Runs a trained configuration over one part of the data."""
    del report
    return trainables.evaluate(_local(recipe), weights, _dataset(source, recipe), part)


@_delivered
def explain(
    *,
    recipe: Recipe,
    weights: Weights,
    source: scans.Source,
    part: str,
    wanted: Wanted,
    report: Report,
) -> Explained:
    """Looks into a trained configuration on some images of one part of the data."""
    del report
    dataset = _dataset(source, recipe)
    return trainables.explain_part(_local(recipe), weights, dataset, part, wanted)


@_delivered
def export(
    *,
    recipe: Recipe,
    weights: Weights,
    source: scans.Source,
    scores: Mapping[str, Any],
    report: Report,
) -> dict[str, bytes]:
    """Makes the winner's files and returns their contents by name."""
    del report
    statistics, local = trainables.Statistics.of(_dataset(source, recipe)), _local(recipe)
    return _files_of(
        lambda folder: trainables.export_winner(
            local, weights, statistics, folder, scores=scores, recorded=recipe
        )
    )


@_delivered
def ensemble_latency(
    *, ensemble: Ensemble, weights: Sequence[Weights], source: scans.Source, report: Report
) -> Latency:
    """How long images take through all members of an ensemble, as one network."""
    del report
    datasets = [_dataset(source, member.recipe) for member in ensemble.members]
    return trainables.ensemble_latency(_local_members(ensemble), weights, datasets)


@_delivered
def export_ensemble(
    *,
    ensemble: Ensemble,
    weights: Sequence[Weights],
    source: scans.Source,
    scores: Mapping[str, Any],
    report: Report,
) -> dict[str, bytes]:
    """Makes the files of a winner that is an ensemble and returns their contents by name."""
    del report
    statistics = [
        trainables.Statistics.of(_dataset(source, member.recipe)) for member in ensemble.members
    ]
    local = _local_members(ensemble)
    return _files_of(
        lambda folder: trainables.export_ensemble(
            local, weights, statistics, folder, scores=scores, recorded=ensemble
        )
    )


def _files_of(write: Callable[[Path], None]) -> dict[str, bytes]:
    """What is written into a folder, by name; the folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="neurosweep-winner-") as name:
        folder = Path(name)
        write(folder)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class _StoppedError(BaseException):
    """Unwinds a training that was told to stop; a BaseException, so that no library keeps it."""


def color_of(channels: int) -> str:
    """The colour mode that gives a model its channels."""
    return "grey" if channels == 1 else "rgb"


def _local(recipe: Recipe) -> Recipe:
    """The recipe with the place of its weights on this machine; what is recorded keeps its own."""
    for frozen in _frozen_of({"recipe": recipe}):
        weights = worker_weights(frozen.weights, frozen.backbone, frozen.weights_hash)
        return replace(recipe, weights=weights)
    return recipe


def _local_members(ensemble: Ensemble) -> Ensemble:
    return ensemble.with_recipes([_local(member.recipe) for member in ensemble.members])


def _frozen_of(payload: Mapping[str, Any]) -> list[Frozen]:
    """The backbones that a task is about."""
    if "frozen" in payload:
        return [cast("Frozen", payload["frozen"])]
    return [
        Frozen.of(recipe)
        for recipe in recipes_of(payload)
        if recipe.family == "transfer" and "transfer/backbone" in recipe.configuration
    ]


def _dataset(source: scans.Source, recipe: Recipe) -> scans.Dataset:
    task = recipe.task
    return _open(_Key(source), task.image_size, color_of(task.channels))


class _Key:
    """Makes a source usable as a cache key: sources of one run differ in nothing but identity."""

    def __init__(self, source: scans.Source) -> None:
        self.source = source
        self._identity = (source.root, source.fingerprint, source.split.num_rows)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and (
            self._identity == other._identity and self.source.split.equals(other.source.split)
        )


@cache
def _open(key: _Key, image_size: int, color: str) -> scans.Dataset:
    # The memory map stays open from one trial to the next.
    return scans.open_dataset(key.source, image_size=image_size, color=color)


@lru_cache(maxsize=_NETWORKS_KEPT)
def _extraction(frozen: Frozen) -> Any:
    # A network stays from one shard to the next, and the last few from one round to the next.
    from trainables.features.cached import extraction_of

    return extraction_of(frozen)
