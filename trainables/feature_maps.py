"""Feature maps: what the channels of each block make of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.layers import Tensor
from trainables.resampling import resampled

__all__ = ["MOST_BLOCKS", "MOST_CHANNELS", "MOST_MAP_SIDE", "BlockMaps", "feature_maps"]

MOST_CHANNELS = 8
"""Of each block the maps of so many channels are kept: those of the highest mean."""

MOST_BLOCKS = 16
"""Of a deeper network so many blocks are kept, evenly spread, the first and the last among them."""

MOST_MAP_SIDE = 64
"""Larger maps are made smaller, to so many pixels a side."""


@dataclass(frozen=True, kw_only=True)
class BlockMaps:
    """The strongest channels of one block for one image.

    Attributes:
        layer: The layer at which the block ends.
        shape: Height, width and number of channels of its maps.
        channels: The channels shown, the one with the highest mean first.
        lows: What 0 stands for in each map.
        highs: What 255 stands for in each; equal to the low in a map of one value, which is 0.
        maps: (channels shown, height, width) uint8, at most `MOST_MAP_SIDE` a side.
    """

    layer: str
    shape: tuple[int, int, int]
    channels: tuple[int, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    maps: NDArray[np.uint8]


def feature_maps(core: keras.Model, ends: Sequence[str], image: Tensor) -> list[BlockMaps]:
    """The feature maps of one image at the end of each block, in inference.

    Args:
        core: A flat functional model of images.
        ends: Names of the layers at which its blocks end, in their order.
        image: (1, height, width, channel) float32, as the network takes it.

    Returns:
        One entry for each block that is kept; none where `ends` is empty.
    """
    names = _spread(ends)
    if not names:
        return []
    outputs = {operation.name: operation.output for operation in core.operations}
    model = keras.Model(core.inputs[0], [outputs[name] for name in names])
    found = model(image, training=False)
    found = found if isinstance(found, list | tuple) else [found]
    return [_strongest(name, np.asarray(one)[0]) for name, one in zip(names, found, strict=True)]


def _spread(ends: Sequence[str]) -> list[str]:
    if len(ends) <= MOST_BLOCKS:
        return list(ends)
    return [ends[place * (len(ends) - 1) // (MOST_BLOCKS - 1)] for place in range(MOST_BLOCKS)]


def _strongest(name: str, maps: NDArray[np.float32]) -> BlockMaps:
    """Of (height, width, channel) the channels with the highest mean."""
    means = maps.mean(axis=(0, 1))
    channels = np.argsort(-means, kind="stable")[:MOST_CHANNELS]
    height, width, count = maps.shape
    side = (min(height, MOST_MAP_SIDE), min(width, MOST_MAP_SIDE))
    shown = np.stack([resampled(maps[:, :, channel], side) for channel in channels])
    lows, highs = shown.min(axis=(1, 2)), shown.max(axis=(1, 2))
    span = np.where(highs > lows, highs - lows, 1.0)
    scaled = (shown - lows[:, None, None]) / span[:, None, None]
    return BlockMaps(
        layer=name,
        shape=(height, width, count),
        channels=tuple(int(channel) for channel in channels),
        lows=tuple(float(low) for low in lows),
        highs=tuple(float(high) for high in highs),
        maps=np.rint(255 * scaled).astype(np.uint8),
    )
