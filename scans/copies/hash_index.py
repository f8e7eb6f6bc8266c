"""Finds the pairs of perceptual hashes that are near one another, without trying every pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from scans.copies.signature import HASH_BYTES

__all__ = ["RADIUS", "near_hashes"]

RADIUS = 12
"""Two hashes this many bits apart, or fewer, are near.

Each of the eight bands has eight of its 16 bits set, so two bands that differ do so in two bits at
least: within the radius at most six bands differ, and two agree. Sorting by each of the 28 pairs of
bands therefore brings every near pair side by side.
"""

_BANDS = HASH_BYTES // 2
_CROWD = 32
"""In a bucket of more hashes than this, each is compared with this many that follow it only.

Such buckets come from hundreds of copies of one picture, which are found through one another."""


def near_hashes(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Finds all pairs of hashes within `RADIUS`.

    Args:
        hashes: Shape (n, `HASH_BYTES`), as `perceptual_hashes` makes them.

    Returns:
        Pairs of positions, (pairs, 2), the smaller first, sorted, each once.
    """
    if len(hashes) < 2:
        return np.empty((0, 2), dtype=np.int64)
    bands = np.ascontiguousarray(hashes).view(np.uint16).reshape(len(hashes), _BANDS)
    words = np.ascontiguousarray(hashes).view(np.uint64).reshape(len(hashes), -1)
    found = [np.empty(0, dtype=np.int64)]
    for first, second in combinations(range(_BANDS), 2):
        keys = np.ascontiguousarray(bands[:, [first, second]]).view(np.uint32)[:, 0]
        found.append(np.unique(_within_buckets(keys, words)))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // len(hashes), pairs % len(hashes)], axis=1)


def _within_buckets(keys: NDArray[np.uint32], words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The near pairs among hashes of equal keys, each pair as one number."""
    # Hashes of equal keys stand together, and among them those that are equal altogether.
    order = np.lexsort((*words.T, keys))
    ordered = keys[order]
    found = [np.empty(0, dtype=np.int64)]
    for distance in range(1, _CROWD + 1):
        (start,) = np.nonzero(ordered[distance:] == ordered[:-distance])
        if not len(start):
            break  # no bucket is that large
        one, other = order[start], order[start + distance]
        near = np.bitwise_count(words[one] ^ words[other]).sum(axis=1) <= RADIUS
        low, high = np.minimum(one, other)[near], np.maximum(one, other)[near]
        found.append(low.astype(np.int64) * len(keys) + high)
    return np.concatenate(found)
