"""Which layers fine-tuning trains: the top block, a part of it, or more below it."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from neurosweep.errors import NeurosweepError
from trainables.dropping import drop_nothing
from trainables.graph import bottlenecks, cut_below

__all__ = ["freeze_below", "thawed"]


def thawed(model: keras.Model, top_block: Sequence[str], depth: float) -> tuple[str, ...]:
    """Names of the layers to unfreeze.

    Args:
        model: The whole network.
        top_block: As its family names it.
        depth: 1 for the top block; else about so many times as many layers with weights, from the
            output down to the nearest bottleneck.
    """
    if depth == 1.0:
        return tuple(top_block)
    above: dict[int, tuple[str, ...]] = {}
    for cut in bottlenecks(model)[:-1]:
        names = tuple(one.name for one in model.operations[cut + 1 :] if _has_weights(one))
        if names:
            above[cut] = names
    wanted = depth * len(top_block)
    # The last one of equally near ones: the smallest part.
    nearest = min(above, key=lambda cut: (abs(len(above[cut]) - wanted), -cut))
    return above[nearest]


def freeze_below(model: keras.Model, names: Sequence[str]) -> None:
    """Leave only the named layers trainable, and of them no batch norm; below them nothing drops.

    Raises:
        NeurosweepError: They have no weights.
    """
    kept = set(names)
    for layer in model.layers:
        is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name in kept and not is_batch_norm
    drop_nothing(model.operations[: cut_below(model, kept) + 1])
    if not model.trainable_weights:
        raise NeurosweepError(
            f"A top block names layers that have weights to train; received {sorted(kept)}. "
            "Correct the family's top_block."
        )


def _has_weights(operation: object) -> bool:
    return isinstance(operation, keras.layers.Layer) and bool(operation.weights)
