"""What a network is made of, layer by layer, so that it can be drawn without Keras."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras

from trainables.assemble import build_family
from trainables.recipe import Recipe
from trainables.thawing import thawed

__all__ = ["VERSION", "describe_ensemble", "describe_network"]

VERSION = 1
"""Raised when a key of the description changes its name or meaning."""


def describe_network(recipe: Recipe, core: keras.Model) -> dict[str, Any]:
    """Describe a trained core: what its input, its layers and its weights are.

    Args:
        recipe: What `core` was built from and trained with.
        core: The network, with each layer called once.

    Returns:
        Plain values: `version`, `name`, `parameters` (weights in all), and `layers`, in an order
        in which each comes behind those it takes in. A layer has `name`, `class`, `output_shape`
        (without the batch; None where a side is open), `parameters`, `inbound` (names) and
        `trainable`: whether any of its weights were changed by training or by fine-tuning.
    """
    return _described(core, _tuned(recipe, core))


def describe_ensemble(model: keras.Model) -> dict[str, Any]:
    """Describe a published ensemble in the same way, each member as one layer."""
    return _described(model, frozenset())


def _described(model: keras.Model, tuned: Collection[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": model.name,
        "parameters": int(model.count_params()),
        "layers": [_layer(one, tuned) for one in model.operations],
    }


def _tuned(recipe: Recipe, core: keras.Model) -> frozenset[str]:
    """Layers that fine-tuning unfroze; empty where there was none."""
    if recipe.fine_tune is None:
        return frozenset()
    top_block = build_family(recipe, pretrained=False).top_block(core)
    return frozenset(thawed(core, top_block, recipe.fine_tune.depth))


def _layer(operation: Any, tuned: Collection[str]) -> dict[str, Any]:
    """One layer, or one of Keras' plain operations, which have no weights."""
    weights = getattr(operation, "weights", [])
    return {
        "name": operation.name,
        "class": type(operation).__name__,
        "output_shape": [
            None if side is None else int(side) for side in operation.output.shape[1:]
        ],
        "parameters": sum(int(one.shape.num_elements()) for one in weights),
        "inbound": _inbound(operation),
        "trainable": _learned(operation, tuned),
    }


def _learned(operation: Any, tuned: Collection[str]) -> bool:
    # Fine-tuning leaves batch norm as it is, wherever it stands.
    is_tuned = operation.name in tuned and not isinstance(
        operation, keras.layers.BatchNormalization
    )
    return bool(getattr(operation, "trainable_weights", [])) or is_tuned


def _inbound(operation: Any) -> list[str]:
    """Names of what it takes in, each once, in their order."""
    tensors = [tensor for node in operation._inbound_nodes for tensor in node.input_tensors]
    return list(dict.fromkeys(tensor._keras_history.operation.name for tensor in tensors))
