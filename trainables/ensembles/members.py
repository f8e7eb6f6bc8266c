"""What an ensemble is made of: networks by their recipes, and what the word of each weighs.

Free of Keras: whoever keeps the books of an ensemble builds no model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import ExperimentError
from trainables.recipe import Recipe

__all__ = ["Ensemble", "Member", "weighted_mean"]

_KEYS = ("trial_id", "weight", "recipe")
_FEWEST = 2
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of an ensemble.

    Attributes:
        trial_id: The trial that it was trained in.
        weight: Of its probabilities in the mean, above 0.
        recipe: What it was trained with.
    """

    trial_id: str
    weight: float
    recipe: Recipe


@dataclass(frozen=True)
class Ensemble:
    """Networks whose probabilities are averaged.

    Attributes:
        members: At least two, each once; their weights come to 1.

    Raises:
        ExperimentError: There are fewer, one stands there twice, weights are none, or their
            classes differ.
    """

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        """Refuse what could not be built."""
        names = [member.trial_id for member in self.members]
        if len(names) < _FEWEST or len(set(names)) < len(names):
            raise ExperimentError(
                f"An ensemble has at least {_FEWEST} members, each once; received {names}. "
                "Use a file that this program wrote."
            )
        weights = self.weights
        if not all(weight > 0 for weight in weights) or abs(math.fsum(weights) - 1) > _ROUNDING:
            raise ExperimentError(
                f"The weights of an ensemble are above 0 and come to 1; received {list(weights)}. "
                "Use a file that this program wrote."
            )
        if len({member.recipe.task.classes for member in self.members}) > 1:
            raise ExperimentError(
                "The members of an ensemble know the same classes; received "
                f"{[list(member.recipe.task.classes) for member in self.members]}. "
                "Use a file that this program wrote."
            )

    @property
    def weights(self) -> tuple[float, ...]:
        """The members' weights, in their order."""
        return tuple(member.weight for member in self.members)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return tuple(self.members[0].recipe.task.classes)

    def with_recipes(self, recipes: Sequence[Recipe]) -> Ensemble:
        """The same members by other recipes, in their order: by where weights are here, say."""
        pairs = zip(self.members, recipes, strict=True)
        return Ensemble(tuple(replace(member, recipe=recipe) for member, recipe in pairs))

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values only: what JSON and YAML can hold."""
        return [
            {
                "trial_id": member.trial_id,
                "weight": member.weight,
                "recipe": member.recipe.to_dict(),
            }
            for member in self.members
        ]

    @classmethod
    def from_list(cls, plain: object) -> Ensemble:
        """Read what `to_list` wrote.

        Raises:
            ExperimentError: It is no list of members, or a member's recipe is none.
        """
        if not isinstance(plain, list):
            raise ExperimentError(
                f"An ensemble is a list of members; received {type(plain).__name__}. "
                "Use a file that this program wrote."
            )
        return cls(tuple(_member(one) for one in plain))


def _member(plain: object) -> Member:
    if not isinstance(plain, Mapping) or set(plain) != set(_KEYS):
        found = sorted(map(str, plain)) if isinstance(plain, Mapping) else type(plain).__name__
        raise ExperimentError(
            f"A member of an ensemble has the keys {list(_KEYS)}; received {found}. "
            "Use a file that this program wrote."
        )
    weight = plain["weight"]
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise ExperimentError(
            f"A member's weight is a number; received {weight!r}. "
            "Use a file that this program wrote."
        )
    return Member(
        trial_id=str(plain["trial_id"]),
        weight=float(weight),
        recipe=Recipe.from_dict(plain["recipe"]),
    )


def weighted_mean(
    probabilities: Sequence[NDArray[np.float32]], weights: Sequence[float]
) -> NDArray[np.float32]:
    """What an ensemble says: the weighted mean of its members' probabilities.

    Args:
        probabilities: Of each member, (images, classes) float32.
        weights: Of each member; they come to 1.

    Returns:
        (images, classes) float32, added up in double precision.
    """
    total = np.zeros(probabilities[0].shape, np.float64)
    for own, weight in zip(probabilities, weights, strict=True):
        total += weight * own.astype(np.float64)
    return total.astype(np.float32)
