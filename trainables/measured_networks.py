"""Small networks whose steps stand for those of a family, to measure what trains faster."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from spaces import Task, Value
from trainables.families import FAMILIES, Transfer
from trainables.families.family import Settings
from trainables.layers import batch_normalization

__all__ = ["SMALL", "measured_network"]

SMALL: Mapping[str, Mapping[str, Value]] = {
    "plain_cnn": {
        "blocks": 3,
        **{f"filters_{step}": 32 * min(step, 2) for step in (1, 2, 3)},
        **{f"kernel_{step}": 3 for step in (1, 2, 3)},
        **{f"stride_{step}": 1 for step in (1, 2, 3)},
        **{f"pool_{step}": "max" for step in (1, 2, 3)},
        "fc_layers": 1,
        "fc_width_1": 64,
        "dropout": 0.0,
    },
    "mini_vgg": {
        "blocks": 2,
        "convs": 2,
        "filters_1": 16,
        "filters_2": 32,
        "hidden_width_1": 64,
        "hidden_width_2": 64,
        "dropout": 0.0,
        "batch_norm": True,
    },
    "mini_resnet": {
        "stem_filters": 32,
        "stem_kernel": 7,
        "stem_stride": 2,
        "stem_pool": True,
        "stages": 1,
        "blocks_1": 2,
        "filters_1": 32,
        "kernel_1": 3,
    },
}
"""One network of each custom family, small enough to be timed within a second or two on a CPU."""

_FILTERS = (32, 64, 64)


def measured_network(family: str, task: Task) -> keras.Model:
    """A family's small network; for `transfer` one such as fine-tuning trains.

    That is convolutions under batch norm in inference mode. No backbone is built: tracing one alone
    would take longer than the whole measurement.

    Args:
        family: A key of `FAMILIES`.
        task: Image size, channels and classes.
    """
    if family == Transfer.name:
        return _frozen_norm(task)
    values = {f"{family}/{name}": value for name, value in SMALL[family].items()}
    return FAMILIES[family](task).network(Settings(family, values))


def _frozen_norm(task: Task) -> keras.Model:
    images = keras.Input(task.shape)
    maps = images
    for block, filters in enumerate(_FILTERS, start=1):
        maps = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(maps)
        norm = batch_normalization(name=f"block{block}_norm")
        norm.trainable = False
        maps = keras.layers.ReLU()(norm(maps))
        maps = keras.layers.MaxPooling2D()(maps)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    outputs = keras.layers.Dense(len(task.classes), activation="softmax", dtype="float32")(pooled)
    return keras.Model(images, outputs)
