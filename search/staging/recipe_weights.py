"""The pretrained weights of a recipe that is trained again, on whatever machine that is."""

from __future__ import annotations

from dataclasses import replace

from neurosweep.errors import WeightsError
from search.staging.fetching import have_weights
from search.staging.local_weights import are_files, find_weights, local_weights
from spaces import BACKBONES
from trainables import Recipe
from trainables.backbone_weights import weights_hash

__all__ = ["with_weights"]


def with_weights(recipe: Recipe) -> Recipe:
    """The recipe with its weights on this machine: fetched where they can be, and the same.

    Args:
        recipe: Of any family; one without pretrained weights is returned as it is.

    Raises:
        WeightsError: They are missing and cannot be had, or are others than the recipe's.
        StoreError: The store that has them does not answer.
    """
    if recipe.family != "transfer":
        return recipe
    backbone, wanted = str(recipe.configuration["transfer/backbone"]), recipe.weights_hash
    is_here = are_files(recipe.weights, wanted) and find_weights(recipe.weights, backbone, wanted)
    if not is_here:
        have_weights(recipe.weights, [backbone])
    weights = local_weights(recipe.weights, backbone, wanted)
    here = weights_hash(BACKBONES[backbone], weights)
    if wanted not in ("", here):
        raise WeightsError(
            f"A row of {backbone} is trained again with the weights it was trained with "
            f"({wanted[:24]}…); {recipe.weights} gives others here ({here[:24]}…). "
            f"{_advice(recipe.weights)}"
        )
    return replace(recipe, weights=weights)


def _advice(weights: str) -> str:
    if weights == "random":
        return "Random weights are drawn by Keras and TensorFlow: install the versions of the row."
    return "Put the earlier file there, or search anew with this one."
