"""What a weight file holds, read with h5py from its names and shapes: no array is loaded.

The layout is the one in which `keras.applications` offers files and Keras reads ".h5": a group per
layer, whose attribute lists its arrays in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["Contents", "UnreadableWeightsError", "read_contents"]

_SHOWN = 80  # characters of a name that a message repeats

_STATISTICS = [3, 3, 1]  # sizes of mean, variance and count of RGB


class UnreadableWeightsError(Exception):
    """A file is not what Keras could load weights from; the message says why, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What Keras would load from a file.

    Attributes:
        layers: Number of layers with weights.
        arrays: Number of arrays.
        values: Numbers in all arrays together; of a whole file as many as the network has.
        input_statistics: Mean and variance of RGB, where the first layer with weights normalises
            its input; else None.
    """

    layers: int
    arrays: int
    values: int
    input_statistics: tuple[tuple[float, ...], tuple[float, ...]] | None


def read_contents(path: Path) -> Contents:
    """Read what a file holds.

    Args:
        path: A regular file.

    Raises:
        UnreadableWeightsError: It is no HDF5, is cut off, lacks what it lists, holds something else
            than numbers, or has parts in other files.
    """
    try:
        with h5py.File(path, "r") as file:
            return _contents(list(_layers(_root(file))))
    except UnreadableWeightsError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        # What h5py raises of damaged files; the text is the HDF5 library's own.
        raise UnreadableWeightsError(f"it cannot be read as HDF5: {error}") from error


def _root(file: Any) -> Any:
    """Where the layers are: a whole model's file has them one group below, as Keras knows."""
    if not _has(file, "layer_names") and "model_weights" in file:
        return _inside(file, "model_weights")
    return file


def _has(group: Any, name: str) -> bool:
    return name in group.attrs or f"{name}0" in group.attrs


def _layers(root: Any) -> Iterator[list[Any]]:
    """The arrays of each layer that has any."""
    if not _has(root, "layer_names"):
        raise UnreadableWeightsError("it has no layers in Keras' layout")
    for layer in _names(root, "layer_names"):
        group = _inside(root, layer)
        arrays = [_array(group, name) for name in _names(group, "weight_names")]
        if arrays:
            yield arrays


def _names(group: Any, name: str) -> Iterator[str]:
    """The names in an attribute, or in its pieces where it was too long for one."""
    for piece in (name,) if name in group.attrs else _pieces(group, name):
        for one in group.attrs[piece]:
            yield one.decode() if isinstance(one, bytes) else str(one)


def _pieces(group: Any, name: str) -> Iterator[str]:
    numbered = (f"{name}{number}" for number in count())
    return takewhile(lambda piece: piece in group.attrs, numbered)


def _inside(group: Any, name: str) -> Any:
    """What stands in a group by a name; links could lead anywhere and are not followed."""
    for part in name.strip("/").split("/"):
        if not isinstance(group, h5py.Group) or group.get(part, getlink=True) is None:
            raise UnreadableWeightsError(f"it lists {name[:_SHOWN]!r} and does not hold it")
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise UnreadableWeightsError(
                f"its {name[:_SHOWN]!r} is a link; a file must hold all its parts"
            )
        group = group[part]
    return group


def _array(group: Any, name: str) -> Any:
    array = _inside(group, name)
    if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "fiu":
        raise UnreadableWeightsError(f"its {name[:_SHOWN]!r} is no array of numbers")
    if array.external or array.is_virtual:
        raise UnreadableWeightsError(f"its {name[:_SHOWN]!r} is stored in another file")
    return array


def _contents(layers: list[list[Any]]) -> Contents:
    sizes = [[int(array.size) for array in arrays] for arrays in layers]
    first = layers[0] if sizes[:1] == [_STATISTICS] else None
    return Contents(
        layers=len(layers),
        arrays=sum(map(len, sizes)),
        values=sum(map(sum, sizes)),
        input_statistics=None if first is None else (_numbers(first[0]), _numbers(first[1])),
    )


def _numbers(array: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in np.ravel(array[()]))
