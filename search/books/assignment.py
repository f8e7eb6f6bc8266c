"""One trial as the search hands it out: what to train, under which name, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import spaces
from search.experiment import Experiment
from search.studies.study import Suggestion, trial_seed
from spaces import Task
from trainables import Recipe
from trainables.backbone_weights import check_weights

__all__ = ["Assignment", "Plan"]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A trial that a worker may start.

    Attributes:
        suggestion: The configuration and its number.
        recipe: What is needed to train it, here or anywhere.
        state: Where an earlier worker left the trial, or None to begin it.
    """

    suggestion: Suggestion
    recipe: Recipe
    state: bytes | None = None

    @property
    def trial_id(self) -> str:
        """The trial's name in files and tables."""
        return self.suggestion.trial_id

    def to_dict(self) -> dict[str, Any]:
        """Plain values for Tune's configuration of the trial."""
        return {
            "trial_id": self.trial_id,
            "recipe": self.recipe.to_dict(),
            "state": self.state,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all trials of a search are made from: the experiment and the classes of its data."""

    experiment: Experiment
    classes: tuple[str, ...]

    @property
    def task(self) -> Task:
        """The task of the custom families."""
        data = self.experiment.data
        return Task(
            image_size=data.image_size, channels=_channels(data.color), classes=self.classes
        )

    def check(self) -> None:
        """Checks whatever can be wrong before the first trial: ranges, backbones, weights.

        Raises:
            SpaceError: if a range cannot be, or no such backbone is known.
            WeightsError: if pretrained weights are missing and cannot be fetched.
        """
        self.space()
        if self.experiment.transfer is not None:
            check_weights(self.experiment.transfer.weights, self.backbones())

    def space(self) -> Any:
        """The joint space, as `spaces.declare_space` makes it."""
        experiment = self.experiment
        return spaces.declare_space(
            self.task, experiment.space_families(), experiment.space_training()
        )

    def task_of(self, configuration: Mapping[str, spaces.Value]) -> Task:
        """The task of one configuration: a backbone has an image size of its own."""
        transfer = self.experiment.transfer
        if configuration["family"] != "transfer" or transfer is None:
            return self.task
        size = transfer.image_size
        if size == "native":
            size = spaces.BACKBONES[str(configuration["transfer/backbone"])].native_size
        return Task(image_size=int(size), channels=self.task.channels, classes=self.classes)

    def recipe(self, suggestion: Suggestion) -> Recipe:
        """The recipe of a suggested configuration."""
        transfer = self.experiment.transfer
        pretrained = suggestion.configuration["family"] == "transfer" and transfer is not None
        return Recipe(
            configuration=suggestion.configuration,
            task=self.task_of(suggestion.configuration),
            epochs=self.experiment.epochs,
            seed=trial_seed(self.experiment.search.seed, suggestion.number),
            weights=transfer.weights if pretrained and transfer is not None else "none",
            preprocessing=transfer.preprocessing if transfer is not None else "native",
            keep_by=self.experiment.search.aim.epoch_figure,
        )

    def image_sizes(self) -> list[int]:
        """The image sizes that trials of this plan can have, smallest first."""
        sizes = set()
        transfer = self.experiment.transfer
        if set(self.experiment.families) - {"transfer"}:
            sizes.add(self.task.image_size)
        if transfer is not None and transfer.image_size != "native":
            sizes.add(int(transfer.image_size))
        elif transfer is not None:
            sizes.update(spaces.BACKBONES[name].native_size for name in self.backbones())
        return sorted(sizes)

    def backbones(self) -> tuple[str, ...]:
        """The backbones that take part, by name."""
        transfer = self.experiment.transfer
        if transfer is None:
            return ()
        return tuple(spaces.selected_backbones(self.task, transfer.model_dump()))


def _channels(color: str) -> int:
    return 1 if color == "grey" else 3
