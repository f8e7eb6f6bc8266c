"""`mini_vgg`: blocks of several 3 x 3 convolutions and a pool, then two hidden layers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import keras

from trainables.families.family import Family, Settings, softmax
from trainables.families.plain_cnn import hidden
from trainables.layers import batch_normalization

if TYPE_CHECKING:
    from trainables.layers import Tensor

__all__ = ["MiniVGG"]


class MiniVGG(Family):
    """Paper B's Mini-VGGNet and its neighbours.

    Layers: `block1_conv1`, (`block1_bn1`,) `block1_relu1`, …, `block1_pool`, …, `flatten`,
    `hidden1`, `hidden1_relu`, (`hidden1_dropout`,) `hidden2`, …, `softmax`.
    """

    name = "mini_vgg"

    def network(self, settings: Settings) -> keras.Model:
        """Build the blocks and the head."""
        images = keras.Input(self.task.shape, name="images")
        maps = images
        for step in range(1, settings.whole("blocks") + 1):
            maps = _block(maps, step, settings)
        features = keras.layers.Flatten(name="flatten")(maps)
        for step in (1, 2):
            features = hidden(
                features,
                f"hidden{step}",
                width=settings.whole(f"hidden_width_{step}"),
                dropout=settings.real("dropout"),
            )
        return keras.Model(images, softmax(features, len(self.task.classes)), name="mini_vgg")

    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """The last conv block (the third in the paper), the hidden layers and the softmax."""
        pools = [layer.name for layer in model.layers if layer.name.endswith("_pool")]
        last = pools[-1].removesuffix("pool")
        return self._weighted(model, (last, "hidden", "softmax"))

    def block_ends(self, model: keras.Model) -> tuple[str, ...]:
        """The last ReLU of each block."""
        names = [layer.name for layer in model.layers]
        return tuple(before for before, name in pairwise(names) if name.endswith("_pool"))


def _block(maps: Tensor, step: int, settings: Settings) -> Tensor:
    """(batch, h, w, c) to (batch, h / 2, w / 2, filters)."""
    normalized = settings.switch("batch_norm")
    for conv in range(1, settings.whole("convs") + 1):
        maps = keras.layers.Conv2D(
            settings.whole(f"filters_{step}"),
            3,
            padding="same",
            use_bias=not normalized,
            name=f"block{step}_conv{conv}",
        )(maps)
        if normalized:
            maps = batch_normalization(name=f"block{step}_bn{conv}")(maps)
        maps = keras.layers.ReLU(name=f"block{step}_relu{conv}")(maps)
    return keras.layers.MaxPooling2D(2, name=f"block{step}_pool")(maps)
