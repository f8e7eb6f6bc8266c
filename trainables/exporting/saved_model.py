"""The export as TensorFlow's SavedModel."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.exporting.answering import Answering
from trainables.exporting.serving import INPUT, OUTPUT, save_for_serving
from trainables.prediction import Winner

__all__ = ["open_export", "write_export"]


def write_export(winner: Winner, source: Path, path: Path) -> None:
    """Write saved_model.pb and variables/ into the folder `path`.

    Raises:
        OSError: The disk is full.
    """
    del source
    try:
        save_for_serving(winner.model, path)
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def open_export(path: Path) -> Answering:
    """Load it by TensorFlow alone."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(serve(**{INPUT: tf.constant(images)})[OUTPUT])

    return answer
