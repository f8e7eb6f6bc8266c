"""`transfer`: a frozen backbone of `keras.applications` and a head on its pooled features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from neurosweep.errors import SpaceError, WeightsError
from spaces import BACKBONES, BackboneRecord, Task
from trainables.families.backbone import attach_backbone
from trainables.families.family import Family, Settings, softmax
from trainables.families.preprocessing import three_channels, with_native_scaling, with_unit_scaling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainables.layers import Tensor

__all__ = ["Transfer"]

_PREPROCESSINGS = ("native", "unit")


class Transfer(Family):
    """Paper A's network: frozen base, global pooling, dropout, hidden layers, softmax.

    The network is flat: the backbone's layers keep Keras' names, ours are `images`, `input_…`,
    `head_pool`, `head_dropout1`, `head_fc1`, `head_activation1`, … and `softmax`. All of the
    backbone is frozen and works in inference mode; the top block is thawed by fine-tuning alone.

    What the backbone gives for an image never changes, so training needs `pooled_maps` once and
    then `head` alone.
    """

    name = "transfer"
    input_range = "raw"

    def __init__(
        self, task: Task, *, weights: str = "imagenet", preprocessing: str = "native"
    ) -> None:
        if preprocessing not in _PREPROCESSINGS:
            raise SpaceError(
                f"A backbone's preprocessing is one of {list(_PREPROCESSINGS)}, received "
                f"{preprocessing!r}. Correct families.transfer.preprocessing."
            )
        if weights == "none":
            raise WeightsError(
                "A backbone has weights: imagenet, a folder of Keras' own files, or random, which "
                "must be asked for by name; received none. Set families.transfer.weights."
            )
        super().__init__(task, weights=weights, preprocessing=preprocessing)

    def network(self, settings: Settings) -> keras.Model:
        """Build preprocessing, frozen backbone and head."""
        record = _record(settings.word("backbone"), self.task)
        images = keras.Input(self.task.shape, name="images")
        features = _pooled(self._maps(images, record), settings.word("pooling"))
        outputs = self._head(features, settings)
        # The name says which backbone is inside, so that a saved file still tells.
        return keras.Model(images, outputs, name=f"transfer_{record.name}")

    def pooled_maps(self, backbone: str) -> keras.Model:
        """Build preprocessing and frozen backbone alone.

        Returns:
            A model from float32 images (batch, height, width, channel) of 0 to 255 to average and
            maximum over the last maps, (batch, 2, feature length).
        """
        record = _record(backbone, self.task)
        images = keras.Input(self.task.shape, name="images")
        maps = self._maps(images, record)
        pools = [keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()]
        rows = [keras.layers.Reshape((1, record.feature_length))(pool(maps)) for pool in pools]
        features = keras.layers.Concatenate(axis=1, name="pooled")(rows)
        return keras.Model(images, features, name=f"pooled_{backbone}")

    def head(self, settings: Settings) -> keras.Model:
        """Build the head alone: (batch, pooled features) float32 in, probabilities out.

        Its layers are those that `network` has behind `head_pool`, by name.
        """
        record = _record(settings.word("backbone"), self.task)
        parts = 2 if settings.word("pooling") == "both" else 1
        features = keras.Input((parts * record.feature_length,), name="features")
        return keras.Model(features, self._head(features, settings), name=f"head_{record.name}")

    def set_head(self, model: keras.Model, weights: Sequence[object]) -> None:
        """Give a whole network the weights of a head, in the order of `head`'s `get_weights()`."""
        left = list(weights)
        for name in self.head_layers(model):
            layer = model.get_layer(name)
            count = len(layer.weights)
            layer.set_weights(left[:count])
            del left[:count]

    def head_layers(self, model: keras.Model) -> tuple[str, ...]:
        """Names of the head's layers with weights, in their order."""
        return self._weighted(model, ("head_fc", "softmax"))

    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """The backbone's last stage, from its record's first layer on, and the head."""
        record = BACKBONES[model.name.removeprefix("transfer_")]
        names = [layer.name for layer in model.layers]
        first = names.index(record.top_block_start)
        return tuple(layer.name for layer in model.layers[first:] if layer.weights)

    def _maps(self, images: Tensor, record: BackboneRecord) -> Tensor:
        """(batch, height, width, channel) 0 to 255 to the backbone's last maps."""
        pixels = three_channels(images, self.task.channels)
        if self.preprocessing == "unit":
            scaled = with_unit_scaling(pixels)
        else:
            scaled = with_native_scaling(pixels, record)
        return attach_backbone(record, scaled, weights=self.weights)

    def _head(self, features: Tensor, settings: Settings) -> Tensor:
        """Pooled features (batch, c) to the classes' probabilities."""
        for step in range(1, settings.whole("fc_layers") + 1):
            features = keras.layers.Dropout(settings.real("dropout"), name=f"head_dropout{step}")(
                features
            )
            width = settings.whole(f"width_{step}")
            features = keras.layers.Dense(width, name=f"head_fc{step}")(features)
            features = keras.layers.Activation(
                settings.word("activation"), name=f"head_activation{step}"
            )(features)
        return softmax(features, len(self.task.classes))


def _pooled(maps: Tensor, pooling: str) -> Tensor:
    """(batch, h, w, c) to (batch, c), or (batch, 2 c) with average before maximum."""
    if pooling == "both":
        both = [
            keras.layers.GlobalAveragePooling2D(name="head_pool_average")(maps),
            keras.layers.GlobalMaxPooling2D(name="head_pool_max")(maps),
        ]
        return keras.layers.Concatenate(name="head_pool")(both)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="head_pool")(maps)
    return keras.layers.GlobalAveragePooling2D(name="head_pool")(maps)


def _record(name: str, task: Task) -> BackboneRecord:
    """The backbone's record, if it takes images of the task's size."""
    record = BACKBONES.get(name)
    if record is None:
        raise SpaceError(
            f"A backbone is one of {', '.join(BACKBONES)}; received {name!r}. Correct it."
        )
    if task.image_size < record.minimum_size:
        raise SpaceError(
            f"{name} takes images of at least {record.minimum_size} pixels, received image size "
            f"{task.image_size}. Raise families.transfer.image_size, or leave it out of backbones."
        )
    return record
