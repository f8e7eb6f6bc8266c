"""`transfer`: a frozen backbone of `keras.applications` and a head on its pooled features."""

from __future__ import annotations

import keras

from neurosweep.errors import SpaceError, WeightsError
from spaces import BACKBONES, BackboneRecord, Task
from trainables.families.backbone import attach_backbone
from trainables.families.family import Family, Settings, softmax
from trainables.families.preprocessing import three_channels, with_native_scaling, with_unit_scaling

__all__ = ["Transfer"]

_PREPROCESSINGS = ("native", "unit")


class Transfer(Family):
    """Paper A's network: frozen base, global average pooling, dropout, hidden layer, softmax.

    The network is flat: the backbone's layers keep Keras' names, ours are `images`, `input_…`,
    `head_pool`, `head_dropout`, `head_fc`, `head_activation` and `softmax`. All of the backbone is
    frozen and works in inference mode; the top block is thawed by fine-tuning alone.
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
        pixels = three_channels(images, self.task.channels)
        if self.preprocessing == "unit":
            scaled = with_unit_scaling(pixels)
        else:
            scaled = with_native_scaling(pixels, record)
        maps = attach_backbone(record, scaled, weights=self.weights)
        # (batch, h, w, c) to (batch, c)
        features = keras.layers.GlobalAveragePooling2D(name="head_pool")(maps)
        features = keras.layers.Dropout(settings.real("dropout"), name="head_dropout")(features)
        features = keras.layers.Dense(settings.whole("width"), name="head_fc")(features)
        features = keras.layers.Activation(settings.word("activation"), name="head_activation")(
            features
        )
        # The name says which backbone is inside, so that a saved file still tells.
        return keras.Model(
            images, softmax(features, len(self.task.classes)), name=f"transfer_{record.name}"
        )

    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """The backbone's last stage, from its record's first layer on, and the head."""
        record = BACKBONES[model.name.removeprefix("transfer_")]
        names = [layer.name for layer in model.layers]
        first = names.index(record.top_block_start)
        return tuple(layer.name for layer in model.layers[first:] if layer.weights)


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
