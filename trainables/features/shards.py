"""How the rows to be computed are divided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHARD", "shards"]

SHARD = 128
"""Rows that are computed, written and marked together: what a kill costs at most."""


def shards(rows: NDArray[np.int64], size: int = SHARD) -> list[NDArray[np.int64]]:
    """Rows in their order, cut into shards."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
