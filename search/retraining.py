"""Trains in this process what a row of a leaderboard is: a network, or an ensemble's members."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scans
import trainables
from reports.wording import printable
from search.staging.recipe_weights import with_weights
from trainables import Ensemble, FitResult, Recipe, metrics
from trainables.assemble import Statistics

__all__ = ["Retrained", "train_again", "with_weights_here"]

Write = Callable[[Path, Mapping[str, Any]], None]
"""Writes a winner's folder, with figures for its config.yaml."""


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """What came out.

    Attributes:
        figures: `val_accuracy` and `val_loss`; of an ensemble `fitted_val_accuracy` and
            `fitted_val_loss`, on the images that its weights were chosen on.
        val_accuracy: The accuracy among them.
        images: Validation images.
        write: Writes the trained model.
    """

    figures: Mapping[str, float]
    val_accuracy: float
    images: int
    write: Write


def with_weights_here(model: Recipe | Ensemble) -> Recipe | Ensemble:
    """The same with pretrained weights on this machine, as `with_weights` says."""
    if isinstance(model, Recipe):
        return with_weights(model)
    return model.with_recipes([with_weights(member.recipe) for member in model.members])


def train_again(
    name: str, model: Recipe | Ensemble, recorded: Recipe | Ensemble, source: scans.Source
) -> Generator[str, None, Retrained]:
    """Trains it, yielding lines on what happens as it happens.

    Args:
        name: Of the row.
        model: With pretrained weights on this machine.
        recorded: The same as it is written down.
        source: The images and how they are divided.
    """
    if isinstance(model, Recipe) and isinstance(recorded, Recipe):
        return (yield from _network(name, model, recorded, source))
    if isinstance(model, Ensemble) and isinstance(recorded, Ensemble):
        return (yield from _ensemble(name, model, recorded, source))
    raise TypeError("what is trained and what is recorded are of one kind")


def _network(
    name: str, recipe: Recipe, recorded: Recipe, source: scans.Source
) -> Generator[str, None, Retrained]:
    dataset, result = yield from _train(name, recipe, source)

    def write(folder: Path, scores: Mapping[str, Any]) -> None:
        statistics = Statistics.of(dataset)
        trainables.export_winner(
            recipe, result.weights, statistics, folder, scores=scores, recorded=recorded
        )

    return Retrained(
        figures={"val_accuracy": result.val_accuracy, "val_loss": result.val_loss},
        val_accuracy=result.val_accuracy,
        images=len(dataset.validation),
        write=write,
    )


def _ensemble(
    name: str, ensemble: Ensemble, recorded: Ensemble, source: scans.Source
) -> Generator[str, None, Retrained]:
    weights, statistics, said = [], [], []
    for number, member in enumerate(ensemble.members, start=1):
        place = f"member {number} of {len(ensemble.members)} of {name}"
        told = f"{printable(member.trial_id)} ({place}, weight {member.weight:.2g})"
        dataset, result = yield from _train(told, member.recipe, source)
        weights.append(result.weights)
        statistics.append(Statistics.of(dataset))
        said.append(result.validation_probabilities)
    together = trainables.weighted_mean(said, ensemble.weights)
    labels = dataset.labels[dataset.validation]
    accuracy = metrics.accuracy(together, labels)
    yield "the ensemble, on the images that its weights were chosen on:"

    def write(folder: Path, scores: Mapping[str, Any]) -> None:
        trainables.export_ensemble(
            ensemble, weights, statistics, folder, scores=scores, recorded=recorded
        )

    return Retrained(
        figures={
            "fitted_val_accuracy": accuracy,
            "fitted_val_loss": metrics.cross_entropy(together, labels),
        },
        val_accuracy=accuracy,
        images=len(labels),
        write=write,
    )


def _train(
    name: str, recipe: Recipe, source: scans.Source
) -> Generator[str, None, tuple[scans.Dataset, FitResult]]:
    task = recipe.task
    color = "grey" if task.channels == 1 else "rgb"
    dataset = scans.open_dataset(source, image_size=task.image_size, color=color)
    yield f"training {name}: {_title(recipe)}, seed {recipe.seed}"
    return dataset, trainables.rerun(recipe, dataset, _print_epoch)


def _print_epoch(epoch: trainables.EpochRecord) -> bool:
    print(
        f"  epoch {epoch['epoch']:3d}  val_accuracy {epoch['val_accuracy']:.4f}  "
        f"val_loss {epoch['val_loss']:.4f}  {epoch['seconds']:.1f} s",
        flush=True,
    )
    return True


def _title(recipe: Recipe) -> str:
    backbone = recipe.configuration.get("transfer/backbone")
    name = recipe.family if backbone is None else f"{recipe.family}/{backbone}"
    tuned = "" if recipe.fine_tune is None else ", then its top block"
    return f"{name} at {recipe.task.image_size} px for up to {recipe.epochs} epochs{tuned}"
