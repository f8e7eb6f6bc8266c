"""The export that Keras loads: the published file itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.exporting.answering import Answering
from trainables.prediction import Winner

__all__ = ["open_export", "write_export"]


def write_export(winner: Winner, source: Path, path: Path) -> None:
    """Copy model.keras; it holds stock layers alone and needs nothing of ours."""
    del winner
    shutil.copyfile(source / "model.keras", path)


def open_export(path: Path) -> Answering:
    """Load it in safe mode."""
    model = keras.saving.load_model(path, compile=False, safe_mode=True)

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model(images, training=False))

    return answer
