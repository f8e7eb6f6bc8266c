"""The export as one file of TFLite (LiteRT), whose images may have any size and number."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.exporting.answering import Answering
from trainables.exporting.serving import INPUT, OUTPUT, in_plain_operations, save_for_serving
from trainables.prediction import Winner

__all__ = ["open_export", "write_export"]


def write_export(winner: Winner, source: Path, path: Path) -> None:
    """Convert it in float32, to TFLite's own operations alone: any interpreter runs it."""
    del source
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        save_for_serving(in_plain_operations(winner.model), Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = converter.convert()
    path.write_bytes(content)


def open_export(path: Path) -> Answering:
    """Load it into LiteRT's interpreter, on one CPU."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path), num_threads=1).get_signature_runner("serving_default")

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(run(**{INPUT: images})[OUTPUT])  # it takes on the shape of the images

    return answer
