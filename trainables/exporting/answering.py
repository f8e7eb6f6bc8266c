"""What every opened export is: a function from images to probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answering"]

Answering = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 RGB (n, height, width, 3) in, float32 (n, classes) out."""
