"""A frozen backbone as images go through it, and where its features are kept.

Free of Keras: a driver that builds no model looks into caches as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import WeightsError
from scans import ImageRows
from spaces import BACKBONES, Task
from trainables.backbone_weights import weights_hash
from trainables.features.key import PLAIN, FeatureKey, files_hash, views_of
from trainables.features.store import FeatureStore
from trainables.recipe import Recipe

__all__ = ["Frozen", "Images", "looked_at", "store_of"]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A frozen backbone as images go through it.

    Attributes:
        backbone: A name of `spaces.BACKBONES`.
        weights: "imagenet", "random", or a folder or URI of weight files.
        weights_hash: What the weights must be, as `backbone_weights.weights_hash` says; "" takes
            those that are there.
        preprocessing: "native" or "unit".
        task: Its image size and channels count.
        view: As `features.views` names it.
    """

    backbone: str
    weights: str
    weights_hash: str
    preprocessing: str
    task: Task
    view: str = PLAIN

    @classmethod
    def of(cls, recipe: Recipe) -> Frozen:
        """What the images of a transfer recipe go through."""
        return cls(
            backbone=str(recipe.configuration["transfer/backbone"]),
            weights=recipe.weights,
            weights_hash=recipe.weights_hash,
            preprocessing=recipe.preprocessing,
            task=recipe.task,
        )

    def known(self) -> Frozen:
        """The same with the hash of the weights that are here.

        Raises:
            WeightsError: They are not here, or are others than those that were asked for.
        """
        here = weights_hash(BACKBONES[self.backbone], self.weights)
        if self.weights_hash not in ("", here):
            raise WeightsError(
                f"Features of {self.backbone} belong to the weights they were computed with "
                f"({self.weights_hash[:16]}), received others from {self.weights} ({here[:16]}). "
                "Put the earlier file back, or start a new run with these."
            )
        return replace(self, weights_hash=here)

    def seen_as(self, view: str) -> Frozen:
        """The same backbone, shown changed images."""
        return replace(self, view=view)


class Images(Protocol):
    """A data set, or whatever else knows which images it has and where caches are."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the rows."""

    @property
    def fingerprint(self) -> str:
        """Of the images."""

    @property
    def cache(self) -> Path:
        """Folder of all caches."""


def store_of(frozen: Frozen, images: Images) -> FeatureStore:
    """Where the features of a frozen backbone are kept; the hash of its weights must be known."""
    key = FeatureKey(
        data=images.fingerprint,
        files=files_hash(images.files),
        network=frozen.backbone,
        weights=frozen.weights_hash,
        image_size=frozen.task.image_size,
        channels=frozen.task.channels,
        preprocessing=frozen.preprocessing,
        view=frozen.view,
    )
    shape = (len(images.files), 2, BACKBONES[frozen.backbone].feature_length)
    return FeatureStore(images.cache, key, shape)


def looked_at(recipe: Recipe, rows: ImageRows) -> dict[Frozen, NDArray[np.int64]]:
    """The rows of features that a head is trained and measured on, by backbone and view.

    Args:
        recipe: Of the family `transfer`.
        rows: Of the images and how they are divided.
    """
    frozen = Frozen.of(recipe)
    copies = recipe.copies if recipe.configuration["training/augmentation"] else 0
    changed = {frozen.seen_as(view): rows.train for view in views_of(copies)[1:]}
    return {frozen: np.concatenate([rows.train, rows.validation]), **changed}
