"""Where a network can be cut in two: the places that everything passes through."""

from __future__ import annotations

from collections.abc import Collection

import keras

__all__ = ["bottlenecks", "cut_below", "depths", "split_at"]


def bottlenecks(model: keras.Model) -> list[int]:
    """Positions in `model.operations` behind which nothing but their own output is used.

    Args:
        model: A functional model in which each layer is called once.
    """
    last_use = _last_uses(model)
    found, open_until = [], -1
    for position, used in enumerate(last_use):
        if open_until <= position:
            found.append(position)
        open_until = max(open_until, used)
    return found


def cut_below(model: keras.Model, names: Collection[str]) -> int:
    """The last bottleneck below all of some layers, as a position in `model.operations`."""
    first = min(at for at, one in enumerate(model.operations) if one.name in names)
    return max(at for at in bottlenecks(model) if at < first)


def split_at(model: keras.Model, position: int) -> tuple[keras.Model, keras.Model]:
    """What is below a bottleneck and what is above it; both share the model's layers."""
    middle = model.operations[position].output
    lower = keras.Model(model.inputs[0], middle, name=f"{model.name}_below")
    return lower, keras.Model(middle, model.outputs[0], name=f"{model.name}_above")


def depths(model: keras.Model, names: Collection[str]) -> dict[str, int]:
    """How deep each of some layers lies: 0 at the output, one more behind each bottleneck.

    Bottlenecks without one of the layers between them count once.

    Args:
        model: As for `bottlenecks`.
        names: Of the layers that count.
    """
    cuts, found, depth, is_used = set(bottlenecks(model)), {}, 0, False
    for position in range(len(model.operations) - 1, -1, -1):
        if position in cuts and is_used:
            depth, is_used = depth + 1, False
        name = model.operations[position].name
        if name in names:
            found[name], is_used = depth, True
    return found


def _last_uses(model: keras.Model) -> list[int]:
    """For each operation the position of the last one that uses its output; at least its own."""
    position = {id(one): at for at, one in enumerate(model.operations)}
    last = list(range(len(model.operations)))
    for at, one in enumerate(model.operations):
        for node in one._inbound_nodes:
            for tensor in node.input_tensors:
                source = position.get(id(tensor._keras_history.operation))
                if source is not None:
                    last[source] = max(last[source], at)
    return last
