"""Layers that drop something at random while training, switched off where nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable

import keras

__all__ = ["drop_nothing"]


def drop_nothing(operations: Iterable[object]) -> None:
    """Set the rate of dropout, and of stochastic depth, to 0 for good."""
    for one in operations:
        if isinstance(one, keras.layers.Dropout):
            one.rate = 0.0
        if hasattr(one, "drop_path_rate"):  # StochasticDepth, which Keras does not export
            one.drop_path_rate = 0.0
