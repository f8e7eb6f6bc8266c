"""Loads what a command needs of TensorFlow before the rest, without its greeting."""

from __future__ import annotations

__all__ = ["load_tensorflow"]


def load_tensorflow() -> None:
    """Imports KerasTuner and with it TensorFlow; the lines they write while loading are dropped."""
    from trainables.runtime import quiet_import

    with quiet_import():
        import keras_tuner  # noqa: F401
