"""Why a trained network says what it says: Grad-CAM and feature maps of a data set's images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from scans import Dataset
from trainables.assemble import (
    Statistics,
    build_core,
    build_family,
    check_dataset,
    scaling_layers,
)
from trainables.feature_maps import BlockMaps, feature_maps
from trainables.fitting import start_afresh
from trainables.grad_cam import GradCam, why_no_map
from trainables.layers import Tensor
from trainables.recipe import Recipe
from trainables.resampling import resampled, shrunk

__all__ = [
    "MOST_SIDE",
    "ClassMap",
    "Explained",
    "Wanted",
    "explain_part",
]

MOST_SIDE = 160
"""Pictures and maps of them have at most so many pixels a side."""


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """Where one image speaks for one class, by Grad-CAM.

    Attributes:
        of: The class, as a position in the outputs.
        peak: What 255 stands for, in units of the class's score; 0 where nothing speaks for it.
        values: (height, width) uint8, upsampled bilinearly to the picture; 0 is 0.
    """

    of: int
    peak: float
    values: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which images of a part are to be looked at; positions count from 0, in the part's order.

    Attributes:
        pictures: Whose pixels are wanted.
        maps: Of which Grad-CAM is wanted, each with the class.
        blocks: The image whose feature maps are wanted; None for none.
    """

    pictures: tuple[int, ...] = ()
    maps: tuple[tuple[int, int], ...] = ()
    blocks: int | None = None


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What was looked at, as plain arrays that can travel.

    Attributes:
        pictures: Pixels (height, width, channel) uint8 as the network sees them, at most
            `MOST_SIDE` a side, in the order asked for.
        maps: Grad-CAM in the order asked for; empty where the network has no place.
        reason: Why there is no Grad-CAM; None where there is.
        layer: The layer that Grad-CAM is of; None without one.
        grid: Height and width of that layer's maps; None without one.
        blocks: Feature maps of the one image.
    """

    pictures: tuple[NDArray[np.uint8], ...]
    maps: tuple[ClassMap, ...]
    reason: str | None
    layer: str | None
    grid: tuple[int, int] | None
    blocks: tuple[BlockMaps, ...]


class _Explainer:
    """Explains what one network says."""

    def __init__(
        self,
        core: keras.Model,
        family: keras_tuner.HyperModel,
        prepare: Callable[[NDArray[np.uint8]], Tensor],
    ) -> None:
        """Looks where the network's blocks end; nothing is computed yet.

        Args:
            core: The network: images as `prepare` gives them in, probabilities out.
            family: Its family, which knows its blocks.
            prepare: From pixels (n, height, width, channel) to what the core takes.
        """
        self.core = core
        self._prepare = prepare
        self._ends = family.block_ends(core)
        self.reason = why_no_map(core)
        self.grad_cam = None if self.reason is not None else GradCam(core)

    @classmethod
    def of_recipe(
        cls, recipe: Recipe, weights: Sequence[NDArray[Any]], statistics: Statistics
    ) -> _Explainer:
        """Builds it from what was trained; pixels are at the recipe's size and colour."""
        core = build_core(recipe, weights=weights)
        scaling = scaling_layers(recipe, statistics)

        def prepare(pixels: NDArray[np.uint8]) -> Tensor:
            images = tf.cast(pixels, tf.float32)
            for layer in scaling:
                images = layer(images)
            return images

        return cls(core, build_family(recipe, pretrained=False), prepare)

    def class_maps(self, pixels: NDArray[np.uint8], classes: Sequence[int]) -> list[ClassMap]:
        """Grad-CAM of images (n, height, width, channel), each for its class.

        Returns:
            A map for each image; none at all where the network has no place, see `reason`.
        """
        if self.grad_cam is None or not len(pixels):
            return []
        found = self.grad_cam(self._prepare(pixels), np.asarray(classes, np.int64))
        size = _side(pixels.shape[1:3])
        return [_scaled(of, one, size) for of, one in zip(classes, found, strict=True)]

    def blocks(self, image: NDArray[np.uint8]) -> list[BlockMaps]:
        """Feature maps of one image (height, width, channel)."""
        return feature_maps(self.core, self._ends, self._prepare(image[None]))


def explain_part(
    recipe: Recipe,
    weights: Sequence[NDArray[Any]],
    dataset: Dataset,
    part: str,
    wanted: Wanted,
) -> Explained:
    """Looks at some images of a part with a trained network, in float32 and stock layers.

    Args:
        recipe: What `weights` were trained with.
        weights: Of the core, as `fit` gives them.
        dataset: The data `fit` was given.
        part: "train", "validation" or "test".
        wanted: Which of its images.

    Raises:
        DataError: The data set does not fit the recipe.
    """
    check_dataset(recipe, dataset)
    start_afresh(recipe.seed)
    explainer = _Explainer.of_recipe(recipe, weights, Statistics.of(dataset))
    rows: NDArray[np.int64] = getattr(dataset, part)
    mapped = [at for at, _ in wanted.maps]
    grad_cam = explainer.grad_cam
    blocks = [] if wanted.blocks is None else explainer.blocks(dataset.images[rows[wanted.blocks]])
    return Explained(
        pictures=tuple(shrunk(dataset.images[rows[at]], MOST_SIDE) for at in wanted.pictures),
        maps=tuple(
            explainer.class_maps(dataset.images[rows[mapped]], [of for _, of in wanted.maps])
        ),
        reason=explainer.reason,
        layer=None if grad_cam is None else grad_cam.layer,
        grid=None if grad_cam is None else grad_cam.grid,
        blocks=tuple(blocks),
    )


def _side(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the picture that a map lies over."""
    share = min(1.0, MOST_SIDE / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _scaled(of: int, values: NDArray[np.float32], size: tuple[int, int]) -> ClassMap:
    """A map of the grid as 0 to 255 over the picture."""
    over = np.clip(resampled(values, size), 0.0, None)
    peak = float(over.max())
    scaled = over / peak if peak > 0 else over
    return ClassMap(of=of, peak=peak, values=np.rint(255 * scaled).astype(np.uint8))
