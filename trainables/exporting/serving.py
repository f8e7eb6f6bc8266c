"""The published model as a function of TensorFlow, and without what other formats lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trainables.exporting.plain_resize import PlainResize

__all__ = ["INPUT", "OUTPUT", "in_plain_operations", "save_for_serving"]

INPUT = "images"
"""The one input of every export: uint8 RGB (n, height, width, 3)."""

OUTPUT = "probabilities"
"""The one output: float32 (n, classes), in the order of labels.json."""


def in_plain_operations(model: keras.Model) -> keras.Model:
    """The same network on the same variables, every antialiased resize in plain operations."""
    return keras.models.clone_model(
        model, clone_function=_itself, call_function=_call, recursive=True
    )


def save_for_serving(model: keras.Model, folder: Path) -> None:
    """Write a SavedModel whose signature `serving_default` takes INPUT and gives OUTPUT.

    Args:
        model: Takes uint8 RGB (n, height, width, 3), gives probabilities.
        folder: Made if missing.
    """

    def serve(images: Any) -> dict[str, Any]:
        return {OUTPUT: model(images, training=False)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name=INPUT)
    archive.add_endpoint("serve", serve, input_signature=[images])
    archive.write_out(str(folder), verbose=False)


def _itself(operation: Any) -> Any:
    """Layers are shared: their variables are the published ones."""
    return operation


def _call(operation: Any, *arguments: Any, **named: Any) -> Any:
    # Keras does not export its operations' classes; a saved file names them so as well.
    if type(operation).__name__ != "Resize" or not operation.antialias:
        return operation(*arguments, **named)
    return PlainResize(operation.size, name=f"plain_{operation.name}")(*arguments)
