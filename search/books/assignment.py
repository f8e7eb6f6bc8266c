"""One trial as the search hands it out: what to train, under which name, for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import spaces
from neurosweep.errors import ExperimentError
from search.experiment import Experiment, TransferSettings
from search.staging.fetching import have_weights, resolve_weights
from search.studies.study import Suggestion, trial_seed
from spaces import Task
from spaces.scope import unknown_name
from trainables import Recipe
from trainables.backbone_weights import weights_hash

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

        Weights on a store, or of Keras, are brought to this machine.

        Raises:
            SpaceError: if a range cannot be, or no such backbone is known or takes part.
            ExperimentError: if backbones are to be fine-tuned, and `transfer` takes no part.
            WeightsError: if pretrained weights are missing and cannot be fetched, or not whole.
            StoreError: if the store that has them does not answer.
        """
        self.space()
        self.check_fine_tuned()
        if self.experiment.transfer is not None:
            have_weights(self.experiment.transfer.weights, self.backbones())

    def check_fine_tuned(self) -> None:
        """Checks that the backbones of `final.fine_tune_backbones` take part in the search.

        Raises:
            SpaceError: if one does not, with the nearest that does.
            ExperimentError: if `transfer` takes no part.
        """
        named = self.experiment.final.fine_tune_backbones
        if named and self.experiment.transfer is None:
            raise ExperimentError(
                "final.fine_tune_backbones names backbones of the family transfer; received "
                f"{', '.join(named)}, and transfer takes no part. Add it under families, or leave "
                "fine_tune_backbones out."
            )
        for name in named:
            if name not in self.backbones():
                where = "families.transfer, as final.fine_tune_backbones needs it,"
                raise unknown_name("backbone", name, self.backbones(), where=where)

    def space(self, *, backbones: Sequence[str] | None = None) -> Any:
        """The joint space, as `spaces.declare_space` makes it.

        Args:
            backbones: Those that `transfer` may draw; None for all that take part. With none of
                them the family is left out.
        """
        experiment = self.experiment
        families = experiment.space_families()
        if backbones is not None and not backbones:
            del families["transfer"]
        elif backbones is not None:
            families["transfer"] = {**families["transfer"], "backbones": tuple(backbones)}
        return spaces.declare_space(self.task, families, experiment.space_training())

    def task_of(self, configuration: Mapping[str, spaces.Value]) -> Task:
        """The task of one configuration: a backbone has an image size of its own."""
        if configuration["family"] != "transfer" or self.experiment.transfer is None:
            return self.task
        return self.task_for(str(configuration["transfer/backbone"]))

    def task_for(self, backbone: str) -> Task:
        """The task of a backbone."""
        transfer = self.experiment.transfer
        size: int | str = "native" if transfer is None else transfer.image_size
        if size == "native":
            size = spaces.BACKBONES[backbone].native_size
        return Task(image_size=int(size), channels=self.task.channels, classes=self.classes)

    def recipe(self, suggestion: Suggestion) -> Recipe:
        """The recipe of a suggested configuration."""
        configuration = suggestion.configuration
        recipe = Recipe(
            configuration=configuration,
            task=self.task_of(configuration),
            epochs=self.experiment.epochs,
            seed=trial_seed(self.experiment.search.seed, suggestion.number),
            keep_by=self.experiment.search.aim.epoch_figure,
        )
        transfer = self.experiment.transfer
        if configuration["family"] != "transfer" or transfer is None:
            return recipe
        return replace(
            recipe,
            weights=transfer.weights,
            weights_hash=self.weights_hash(str(configuration["transfer/backbone"])),
            preprocessing=transfer.preprocessing,
            copies=transfer.copies,
        )

    def weights_hash(self, backbone: str) -> str:
        """What a backbone's weights are, on this machine.

        Raises:
            WeightsError: if they are not here.
        """
        transfer = self.experiment.transfer or TransferSettings()
        return weights_hash(spaces.BACKBONES[backbone], resolve_weights(transfer.weights))

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
