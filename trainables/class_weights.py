"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spaces import Value

__all__ = ["class_weights"]


def class_weights(
    configuration: Mapping[str, Value], labels: NDArray[np.int64], classes: int
) -> NDArray[np.float32] | None:
    """Weight of each class, (classes,): n / (classes * n_class), as scikit-learn balances.

    None where all count alike.

    Args:
        configuration: Of the trial; only backbones' heads have a choice.
        labels: Of the training part, (n,).
        classes: How many there are.
    """
    if configuration.get("transfer/class_weights", "none") == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    weights: NDArray[np.float32] = (len(labels) / (classes * np.maximum(counts, 1))).astype(
        np.float32
    )
    return weights
