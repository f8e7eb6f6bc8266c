"""What a worker hands over when a trial has ended by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outcome", "Weights"]

Weights = list[NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial ended by itself.

    Attributes:
        result: The fit's result without its weights, or None if it failed.
        failure: Kind, message and traceback of a failure, or None.
        fetch_weights: Brings the weights from the worker; called only if they are to be kept.
    """

    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    fetch_weights: Callable[[], Weights] | None = None
