"""Class probabilities of images of any size from a published winner."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError, RunDirectoryError
from scans.pictures.decode import MAX_PIXELS

__all__ = ["Winner", "load_winner", "predict"]

# What Keras is known to raise on archives that are cut, changed or of something else.
_DAMAGES = (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)

_PIXELS_AT_ONCE = 4_000_000
_IMAGES_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Winner:
    """A published model.

    Attributes:
        model: Takes uint8 RGB (n, height, width, 3), gives probabilities.
        classes: Names in the order of the outputs.
    """

    model: keras.Model
    classes: tuple[str, ...]


def load_winner(folder: Path) -> Winner:
    """Load model.keras and labels.json of a run's `winner/`, in Keras' safe mode.

    Raises:
        RunDirectoryError: A file is missing or unreadable, or the two do not fit together.
    """
    try:
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
    except _DAMAGES as error:
        raise RunDirectoryError(
            "A winner's folder holds model.keras and labels.json; received "
            f"{folder}, where one is missing or damaged ({error}). "
            "Give the folder winner/ of a finished run."
        ) from error
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise RunDirectoryError(
            f"labels.json is a list of names of classes; received another thing in {folder}. "
            "Give the folder winner/ of a finished run."
        )
    if len(labels) != model.output_shape[-1]:
        raise RunDirectoryError(
            f"labels.json names one class per output; received {len(labels)} names for "
            f"{model.output_shape[-1]} outputs in {folder}. Take both files from the same run."
        )
    return Winner(model=model, classes=tuple(labels))


def predict(winner: Winner, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Probabilities (n_images, n_classes) float32, in the order of `images`.

    Images of equal size go through the model together.

    Args:
        winner: What `load_winner` gives.
        images: Each (height, width, 3) uint8 RGB, as `scans.decode` gives it.

    Raises:
        DataError: An image has another shape or type, or is too large.
    """
    for image in images:
        _check(image)
    outputs = np.zeros((len(images), len(winner.classes)), dtype=np.float32)
    for positions in _batches([image.shape for image in images]):
        batch = np.stack([images[position] for position in positions])
        outputs[positions] = np.asarray(winner.model(batch, training=False))
    return outputs


def _batches(shapes: Sequence[tuple[int, ...]]) -> Iterator[list[int]]:
    """Positions of equal shapes, cut to what fits into memory at once."""
    order = sorted(range(len(shapes)), key=shapes.__getitem__)
    for shape, equal in groupby(order, key=shapes.__getitem__):
        positions = list(equal)
        pixels = shape[0] * shape[1]
        size = max(1, min(_IMAGES_AT_ONCE, _PIXELS_AT_ONCE // pixels))
        yield from (positions[i : i + size] for i in range(0, len(positions), size))


def _check(image: NDArray[np.uint8]) -> None:
    """Refuse what the model cannot take."""
    pixels = image.shape[0] * image.shape[1] if image.ndim == 3 else 0
    if image.dtype != np.uint8 or not pixels or image.shape[2] != 3:
        raise DataError(
            "An image is uint8 of shape (height, width, 3); received "
            f"{image.dtype} of shape {image.shape}. Decode it with scans.pictures.decode in rgb."
        )
    if pixels > MAX_PIXELS:
        raise DataError(
            f"An image has at most {MAX_PIXELS:,} pixels; received {image.shape[0]} by "
            f"{image.shape[1]}. Make it smaller first."
        )
