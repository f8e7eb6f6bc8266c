"""The state of a training run after an epoch, whole enough to go on as if nothing had happened.

One file: an uncompressed .npz of plain named arrays, and among them `about`, which is JSON. Nothing
in it is pickled, and the checksums of its members are verified before any of it is used.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import StateError
from trainables.recipe import Recipe
from trainables.results import EpochRecord

__all__ = ["LARGEST_STATE", "TrainingState", "made_for", "read_history", "read_state"]

LARGEST_STATE = 4 * 2**30
"""Bytes of the largest state that is kept or read; a larger run starts anew."""

_LAYOUT = 1
_ABOUT, _PROBABILITIES = "about", "probabilities"
_GROUPS = ("model", "optimizer", "best")
# What zipfile, NumPy and json raise, depending on which byte is wrong.
_DAMAGE = (
    *(BadZipFile, struct.error, OSError, EOFError, ValueError, LookupError, TypeError),
    *(RuntimeError, MemoryError, OverflowError),
)


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """Everything that training needs to go on after an epoch.

    Attributes:
        made_for: What decides the figures, as `made_for` gives it.
        history: One record per epoch trained, at least one.
        seconds: Those spent until here, without the time `report` took.
        model: All variables of the training model, the random generators' included, in its order.
        optimizer: All variables of the optimiser, in its order: step count, momentum, loss scale.
        best: Weights of the core of the best epoch, in the order of `get_weights()`.
        probabilities: (n_validation, n_classes) float32, of the best epoch.
    """

    made_for: Mapping[str, Any]
    history: Sequence[EpochRecord]
    seconds: float
    model: Sequence[NDArray[Any]]
    optimizer: Sequence[NDArray[Any]]
    best: Sequence[NDArray[Any]]
    probabilities: NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """The content of the state's file."""
        about = {
            "layout": _LAYOUT,
            "made_for": self.made_for,
            "history": self.history,
            "seconds": self.seconds,
        }
        arrays: dict[str, NDArray[Any]] = {
            _ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8),
            _PROBABILITIES: self.probabilities,
        }
        for group in _GROUPS:
            members = enumerate(getattr(self, group))
            arrays |= {f"{group}_{index:05d}": array for index, array in members}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()


def made_for(
    recipe: Recipe, *, data_fingerprint: str, runtime: Mapping[str, Any]
) -> dict[str, Any]:
    """What decides the figures of a training run: a state goes on under the same only.

    Args:
        recipe: What is trained.
        data_fingerprint: Of the images and their division.
        runtime: Of the recipe's family, as `Runtime.record` gives it.
    """
    told = {
        "recipe": _identity(recipe),
        "data": data_fingerprint,
        "runtime": dict(runtime),
        "versions": {name: version(name) for name in ("keras", "tensorflow")},
    }
    plain: dict[str, Any] = json.loads(json.dumps(told))  # as it will be read back
    return plain


def _identity(recipe: Recipe) -> dict[str, Any]:
    """The recipe, but not where on a machine weights lie that are known by their hash."""
    plain = recipe.to_dict()
    if recipe.weights_hash:
        del plain["weights"]
    if recipe.accumulation == 1:
        del plain["accumulation"]  # as states were kept before there was any
    return plain


def read_history(content: bytes, wanted: Mapping[str, Any]) -> list[EpochRecord]:
    """The epochs that a state comes after, once the whole of its file has been verified.

    Args:
        content: What `TrainingState.to_bytes` gave.
        wanted: What it must have been made for.

    Raises:
        StateError: It is damaged, too large, or was made for something else.
    """
    return list(read_state(content, wanted).history)


def read_state(content: bytes, wanted: Mapping[str, Any]) -> TrainingState:
    """Read and verify a state; its arrays may lie in `content` and are not to be written to.

    Args:
        content: What `TrainingState.to_bytes` gave.
        wanted: What it must have been made for.

    Raises:
        StateError: It is damaged, too large, or was made for something else.
    """
    if len(content) > LARGEST_STATE:
        raise StateError(
            f"A kept state has at most {LARGEST_STATE} bytes; received {len(content)}. "
            "The trial starts anew."
        )
    try:
        arrays = _members(content)
        about = json.loads(arrays.pop(_ABOUT).tobytes())
        _check_origin(about, wanted)
        return TrainingState(
            made_for=about["made_for"],
            history=[_epoch(record, place) for place, record in enumerate(about["history"], 1)],
            seconds=float(about["seconds"]),
            probabilities=arrays.pop(_PROBABILITIES),
            **_grouped(arrays),
        )
    except _DAMAGE as error:
        raise StateError(
            f"A kept state is read as it was written; received a damaged one ({error}). "
            "The trial starts anew."
        ) from error


def _members(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays by name; each member's checksum is verified as it is read."""
    with ZipFile(io.BytesIO(content)) as archive:
        if any(member.compress_type != ZIP_STORED for member in archive.infolist()):
            raise ValueError("its members are compressed")  # could unpack to any size
        names = archive.namelist()
        return {name.removesuffix(".npy"): _array(archive.read(name)) for name in names}


def _array(data: bytes) -> NDArray[Any]:
    """The array of an .npy file; one of Python objects is refused, as is one of another length."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version of the format")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    flat = np.frombuffer(data, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if in_columns else "C")


def _check_origin(about: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a state of another layout or made for something else."""
    if about["layout"] != _LAYOUT:
        raise StateError(
            f"A kept state has layout {_LAYOUT}; received {about['layout']!r}. "
            "The trial starts anew."
        )
    other = [key for key, value in wanted.items() if about["made_for"].get(key) != value]
    if other:
        raise StateError(
            f"A kept state goes on under what it was made for; its {' and '.join(other)} "
            "differ from this run's. The trial starts anew."
        )


def _epoch(record: Mapping[str, Any], place: int) -> EpochRecord:
    """One epoch's record, which must be number `place`."""
    needed, allowed = EpochRecord.__required_keys__, EpochRecord.__annotations__.keys()
    if not needed <= set(record) <= allowed or record["epoch"] != place:
        raise ValueError(f"epoch {place} of its history is not one")
    return cast(EpochRecord, dict(record))


def _grouped(arrays: Mapping[str, NDArray[Any]]) -> dict[str, list[NDArray[Any]]]:
    """The arrays of each group in their order; none may be missing or left over."""
    grouped: dict[str, list[NDArray[Any]]] = {group: [] for group in _GROUPS}
    for name in sorted(arrays):
        group, _, index = name.rpartition("_")
        if int(index) != len(grouped[group]):
            raise ValueError(f"array {name} is out of order")
        grouped[group].append(arrays[name])
    return grouped
