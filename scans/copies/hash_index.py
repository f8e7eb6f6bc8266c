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
_CROWD, _EQUAL_CROWD = 256, 32
"""Hashes that follow one in a bucket and are compared with it; and of those, equal ones.

A bucket is larger where hundreds of pictures resemble one another. Those at its ends are then not
compared with each other, but with what stands between them."""


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
        found.append(_within_buckets(keys, words, crowd=_CROWD, equal=False))
    # Equal hashes agree in every band: once is enough for them.
    whole = np.unique(words, axis=0, return_inverse=True)[1].ravel().astype(np.uint32)
    found.append(_within_buckets(whole, words, crowd=_EQUAL_CROWD, equal=True))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // len(hashes), pairs % len(hashes)], axis=1)


def _within_buckets(
    keys: NDArray[np.uint32], words: NDArray[np.uint64], *, crowd: int, equal: bool
) -> NDArray[np.int64]:
    """The near pairs among hashes of equal keys, each once and as one number.

    Args:
        keys: Shape (n,).
        words: The hashes, (n, 2).
        crowd: How many that follow a hash are compared with it.
        equal: Whether the pairs of equal hashes are wanted, or all others.
    """
    # Hashes of equal keys stand together, and among them those that are nearly equal.
    order = np.lexsort((*words.T, keys))
    ordered = keys[order]
    found = [np.empty(0, dtype=np.int64)]
    for distance in range(1, crowd + 1):
        (start,) = np.nonzero(ordered[distance:] == ordered[:-distance])
        if not len(start):
            break  # no bucket is that large
        one, other = order[start], order[start + distance]
        apart = np.bitwise_count(words[one] ^ words[other]).sum(axis=1)
        near = (apart == 0) if equal else (apart > 0) & (apart <= RADIUS)
        low, high = np.minimum(one, other)[near], np.maximum(one, other)[near]
        found.append(low.astype(np.int64) * len(keys) + high)
    return np.unique(np.concatenate(found))
