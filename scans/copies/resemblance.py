"""How alike two pictures are, in whatever way one is flipped or turned against the other."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scans.copies.signature import FREQUENCIES, RADII, ring_spectra

__all__ = ["NEAR", "similarities"]

NEAR = 0.965
"""Pictures at least this similar count as near-duplicates.

`benchmarks/near_duplicates.py` measures what it rests on: slices of one phantom volume 3 mm apart
reach 0.911 at most, and of their disguised copies 99.9 % are found. Heads that were cut near their
rim came to 0.960.
"""

_MOST_DEGREES = 6.0
_STEP = 0.5  # degrees between the turns that are tried
_AT_ONCE = 2048  # pairs compared at once: some 100 MB


def similarities(
    signatures: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Compares pairs of pictures.

    The similarity is the normalised correlation of their rings under the best of all flips with
    turns by up to 6 degrees. Fine structure weighs more than coarse, by its frequency; what is the
    same all around a ring weighs nothing, and so does brightness.

    Args:
        signatures: Shape (n, rings, angles).
        first: Shape (pairs,), positions in `signatures`.
        second: Like `first`.

    Returns:
        Shape (pairs,), up to 1 for the same picture; 0 where one of them has no structure.
    """
    found = np.zeros(len(first), dtype=np.float32)
    for start in range(0, len(first), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        one, other = (_weighed(signatures[rows[part]]) for rows in (first, second))
        found[part] = _compare(one, other)
    return found


def _weighed(signatures: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """Spectra of unit length: a ring weighs by its circumference, a frequency by itself."""
    weights = np.sqrt(RADII)[:, None] * np.arange(FREQUENCIES, dtype=np.float32)
    spectra = ring_spectra(signatures) * weights
    length = np.sqrt(2 * (np.abs(spectra) ** 2).sum(axis=(1, 2), keepdims=True))
    weighed: NDArray[np.complex64] = (spectra / np.where(length > 0, length, np.inf)).astype(
        np.complex64
    )
    return weighed


def _compare(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The best correlation over all turns, as they are and mirrored (a conjugate spectrum)."""
    best: NDArray[np.float32] = np.full(len(a), -1, dtype=np.float32)
    for turned in (a, a.conj()):
        by_frequency = 2 * (turned * b.conj()).sum(axis=1)  # (pairs, frequencies)
        best = np.maximum(best, (by_frequency @ _turns()).real.max(axis=1))
    return best


@cache
def _turns() -> NDArray[np.complex64]:
    """Shifts along a ring, (frequencies, turns): by small angles, and by half a circle more.

    A picture flipped top to bottom is the mirrored one; left to right, the mirrored one turned by
    half a circle; both at once, the picture turned by half a circle.
    """
    degrees = np.arange(-_MOST_DEGREES, _MOST_DEGREES + _STEP / 2, _STEP)
    angles = np.deg2rad(np.concatenate([degrees, degrees + 180]))
    turns: NDArray[np.complex128] = np.exp(1j * np.arange(FREQUENCIES)[:, None] * angles)
    return turns.astype(np.complex64)
