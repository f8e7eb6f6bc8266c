"""`mini_resnet`: a stem, stages of residual blocks, global average pooling, softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from trainables.families.family import Family, Settings, softmax
from trainables.layers import batch_normalization

if TYPE_CHECKING:
    from trainables.layers import Tensor

__all__ = ["MiniResNet"]


class MiniResNet(Family):
    """Paper B's Mini-ResNet and its neighbours.

    Layers: `stem_conv`, `stem_bn`, `stem_relu`, (`stem_pool`,) then for each block
    `stage1_block1_conv1`, `…_bn1`, `…_relu1`, `…_conv2`, `…_bn2`, (`…_project`, `…_project_bn`,)
    `…_add`, `…_relu2`, then `pool` and `softmax`. A block's skip connection is the identity unless
    its stage changes size or filters there; then it is a 1 x 1 projection.
    """

    name = "mini_resnet"

    def network(self, settings: Settings) -> keras.Model:
        """Build stem, stages and head."""
        images = keras.Input(self.task.shape, name="images")
        maps = _stem(images, settings)
        for stage in range(1, settings.whole("stages") + 1):
            for block in range(1, settings.whole(f"blocks_{stage}") + 1):
                first = stage > 1 and block == 1
                stride = settings.whole(f"stride_{stage}") if first else 1
                maps = _residual(maps, f"stage{stage}_block{block}", settings, stride=stride)
        features = keras.layers.GlobalAveragePooling2D(name="pool")(maps)
        return keras.Model(images, softmax(features, len(self.task.classes)), name="mini_resnet")

    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """The last residual block (the second in the paper) and the softmax."""
        sums = [layer.name for layer in model.layers if layer.name.endswith("_add")]
        last = sums[-1].removesuffix("add")
        return self._weighted(model, (last, "softmax"))

    def block_ends(self, model: keras.Model) -> tuple[str, ...]:
        """The stem's ReLU and the last one of each residual block."""
        names = (layer.name for layer in model.layers)
        return tuple(name for name in names if name == "stem_relu" or name.endswith("_relu2"))


def _stem(images: Tensor, settings: Settings) -> Tensor:
    """(batch, h, w, c) to (batch, h / 2 or h / 4, w / 2 or w / 4, stem filters)."""
    maps = keras.layers.Conv2D(
        settings.whole("stem_filters"),
        settings.whole("stem_kernel"),
        strides=settings.whole("stem_stride"),
        padding="same",
        use_bias=False,
        name="stem_conv",
    )(images)
    maps = batch_normalization(name="stem_bn")(maps)
    maps = keras.layers.ReLU(name="stem_relu")(maps)
    if settings.switch("stem_pool"):
        maps = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(maps)
    return maps


def _residual(maps: Tensor, name: str, settings: Settings, *, stride: int) -> Tensor:
    """Two convolutions beside a skip connection.

    (batch, h, w, c) to (batch, h / stride, w / stride, filters).
    """
    stage = name.removeprefix("stage").partition("_")[0]
    filters, kernel = settings.whole(f"filters_{stage}"), settings.whole(f"kernel_{stage}")
    skipped = maps
    inner = _conv(maps, f"{name}_conv1", filters=filters, kernel=kernel, stride=stride)
    inner = batch_normalization(name=f"{name}_bn1")(inner)
    inner = keras.layers.ReLU(name=f"{name}_relu1")(inner)
    inner = _conv(inner, f"{name}_conv2", filters=filters, kernel=kernel)
    inner = batch_normalization(name=f"{name}_bn2")(inner)
    if stride > 1 or maps.shape[-1] != filters:
        skipped = _conv(maps, f"{name}_project", filters=filters, kernel=1, stride=stride)
        skipped = batch_normalization(name=f"{name}_project_bn")(skipped)
    total = keras.layers.Add(name=f"{name}_add")([inner, skipped])
    return keras.layers.ReLU(name=f"{name}_relu2")(total)


def _conv(maps: Tensor, name: str, *, filters: int, kernel: int, stride: int = 1) -> Tensor:
    return keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, name=name
    )(maps)
