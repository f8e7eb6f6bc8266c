"""`plain_cnn`: blocks of convolution, batch norm, ReLU and pooling, then hidden layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from trainables.families.family import Family, Settings, softmax
from trainables.layers import batch_normalization

if TYPE_CHECKING:
    from trainables.layers import Tensor

__all__ = ["PlainCNN"]


class PlainCNN(Family):
    """Paper B's 5-Conv CNN and its neighbours.

    Layers: `block1_conv`, `block1_bn`, `block1_relu`, `block1_pool`, …, `flatten`, `fc1`,
    `fc1_relu`, (`fc1_dropout`,) …, `softmax`. Convolutions have no bias: batch norm follows.
    """

    name = "plain_cnn"

    def network(self, settings: Settings) -> keras.Model:
        """Build the blocks and the head."""
        images = keras.Input(self.task.shape, name="images")
        maps = images
        for step in range(1, settings.whole("blocks") + 1):
            maps = _block(maps, step, settings)
        features = keras.layers.Flatten(name="flatten")(maps)
        for step in range(1, settings.whole("fc_layers") + 1):
            features = hidden(
                features,
                f"fc{step}",
                width=settings.whole(f"fc_width_{step}"),
                dropout=settings.real("dropout"),
            )
        return keras.Model(images, softmax(features, len(self.task.classes)), name="plain_cnn")

    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """The last conv block, the hidden layers and the softmax."""
        blocks = [layer.name for layer in model.layers if layer.name.endswith("_conv")]
        last = blocks[-1].removesuffix("conv")
        return self._weighted(model, (last, "fc", "softmax"))

    def block_ends(self, model: keras.Model) -> tuple[str, ...]:
        """The ReLU of each conv block."""
        relus = (layer.name for layer in model.layers if layer.name.endswith("_relu"))
        return tuple(name for name in relus if name.startswith("block"))


def _block(maps: Tensor, step: int, settings: Settings) -> Tensor:
    """(batch, h, w, c) to (batch, h / (2 stride), w / (2 stride), filters)."""
    maps = keras.layers.Conv2D(
        settings.whole(f"filters_{step}"),
        settings.whole(f"kernel_{step}"),
        strides=settings.whole(f"stride_{step}"),
        padding="same",
        use_bias=False,
        name=f"block{step}_conv",
    )(maps)
    maps = batch_normalization(name=f"block{step}_bn")(maps)
    maps = keras.layers.ReLU(name=f"block{step}_relu")(maps)
    return _POOLS[settings.word(f"pool_{step}")](2, name=f"block{step}_pool")(maps)


_POOLS: dict[str, Any] = {
    "max": keras.layers.MaxPooling2D,
    "average": keras.layers.AveragePooling2D,
}


def hidden(features: Tensor, name: str, *, width: int, dropout: float) -> Tensor:
    """A fully connected layer with ReLU, and dropout where its rate is above 0."""
    features = keras.layers.Dense(width, name=name)(features)
    features = keras.layers.ReLU(name=f"{name}_relu")(features)
    if dropout > 0:
        features = keras.layers.Dropout(dropout, name=f"{name}_dropout")(features)
    return features
