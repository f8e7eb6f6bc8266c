"""Where the blocks of a network end, and the last layer that still knows where something was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from trainables.graph import bottlenecks

__all__ = ["last_maps", "stage_ends"]

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
# What only makes maps smaller or larger: what went in shows more than what comes out.
_RESIZING = (
    keras.layers.AveragePooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Cropping2D,
)
_MERGES = frozenset({"Add", "Concatenate"})  # layers, and operations of the same names
_ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)

_SAME_STAGE = 0.75
"""Maps of at least this share of the height before belong to the same stage: convolutions without
padding lose a pixel or two, the next stage halves."""


def last_maps(model: keras.Model) -> int | None:
    """The last maps that everything passes through, before a pool that closes them.

    Args:
        model: A flat functional model of images, in which each layer is called once.

    Returns:
        A position in `model.operations` whose output is (batch, height, width, channel) of more
        than one place; None where there is none.
    """
    found = [at for at, height, width in _maps(model) if height * width > 1]
    return found[-1] if found else None


def stage_ends(model: keras.Model) -> tuple[str, ...]:
    """Names of the operations at which stages end: the last one of each size of the maps.

    Of a stage that merges branches, as residual and dense ones do, it is the last merge with the
    activation behind it, else the last activation, else the last layer; of the last stage it is
    what the head sees. Only maps that everything passes through count.

    Args:
        model: As for `last_maps`.
    """
    stages: list[list[int]] = []
    height = 0
    for at, now, _ in _maps(model):
        if not stages or now < _SAME_STAGE * height:
            stages.append([])
        stages[-1].append(at)
        height = now
    chosen = [_end(model, stage) for stage in stages[:-1]] + [stage[-1] for stage in stages[-1:]]
    return tuple(model.operations[at].name for at in chosen)


def _maps(model: keras.Model) -> Iterator[tuple[int, int, int]]:
    """Position, height and width of each bottleneck's maps, from the first convolution on."""
    operations = model.operations
    first = next((at for at, one in enumerate(operations) if isinstance(one, _CONVOLUTIONS)), None)
    for at in bottlenecks(model):
        if first is None or at < first or isinstance(operations[at], _RESIZING):
            continue
        shape: tuple[int | None, ...] = getattr(operations[at].output, "shape", ())
        if len(shape) == 4 and shape[1] is not None and shape[2] is not None:
            yield at, shape[1], shape[2]


def _end(model: keras.Model, stage: list[int]) -> int:
    operations = model.operations
    merges = [at for at in stage if type(operations[at]).__name__ in _MERGES]
    if merges:
        behind = [at for at in stage if at > merges[-1]][:1]
        return next((at for at in behind if isinstance(operations[at], _ACTIVATIONS)), merges[-1])
    return next((at for at in reversed(stage) if _is_activated(operations[at])), stage[-1])


def _is_activated(operation: Any) -> bool:
    if isinstance(operation, _ACTIVATIONS):
        return True
    activation = getattr(operation, "activation", None)
    return activation is not None and activation is not keras.activations.linear
