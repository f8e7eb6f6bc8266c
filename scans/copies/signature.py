"""What a picture looks like, small: its rings, and a perceptual hash that no flip or turn changes.

A picture is read along circles about its middle. Along a circle, a turn of the picture is a shift
and a flip runs backwards, and neither changes the magnitudes of a Fourier transform; brightness
scales all of them alike. The hash is made of which rings are the strong ones at each frequency, so
one hash stands for a picture and all its turned, flipped and brighter copies.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "FREQUENCIES",
    "HASH_BYTES",
    "RADII",
    "SIGNATURE_SHAPE",
    "SIGNATURE_VERSION",
    "perceptual_hashes",
    "ring_spectra",
    "sign_picture",
]

SIGNATURE_VERSION = 2
"""Raised whenever the same picture would give another signature or hash."""

FREQUENCIES = 24
"""Circular frequencies kept, 0 to 23: finer ones differ between a picture and its turned copy."""

SIGNATURE_SHAPE = (32, 2 * FREQUENCIES)
"""Rings and angles of a signature."""

HASH_BYTES = 16

_SIDE = 96  # pixels to which a picture is reduced first
_ANGLES = 128  # read along each circle; finer than kept, so that nothing folds back
# From beside the middle, where a circle has no pixels, to just inside the picture.
RADII: NDArray[np.float32] = np.linspace(0.04, 0.97, SIGNATURE_SHAPE[0], dtype=np.float32)
"""Radius of each ring in halves of the longer side, (rings,)."""

_SHOWN = 0.98  # of the structure lies within the extent; the rest may be noise and rims
_MARGIN = 1.05

_HASHED = slice(1, 9)  # frequencies in the hash: 0 is brightness alone, beyond 8 noise gets a say
_STRONG = SIGNATURE_SHAPE[0] // 4  # of the pairs of rings, the weaker half


def sign_picture(image: Image.Image) -> NDArray[np.uint8]:
    """Reads a picture along circles about its middle, as far out as it shows something.

    Args:
        image: Mode L or RGB, of any size; the longer side is fitted, the rest is black.

    Returns:
        Brightness by ring and angle, `SIGNATURE_SHAPE`, 0 to 255.
    """
    pixels = np.asarray(_fit(image.convert("L")), dtype=np.float32)
    smooth = _read_rings(pixels, _extent(_read_rings(pixels, 1.0)))
    kept = np.fft.irfft(smooth * (SIGNATURE_SHAPE[1] / _ANGLES), n=SIGNATURE_SHAPE[1], axis=-1)
    return np.rint(kept).clip(0, 255).astype(np.uint8)


def ring_spectra(signatures: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """Returns the Fourier transform along each ring, (n, rings, frequencies).

    Args:
        signatures: Shape (n, rings, angles).
    """
    spectra = np.fft.rfft(signatures.astype(np.float32), axis=-1)[:, :, :FREQUENCIES]
    return spectra.astype(np.complex64)


def perceptual_hashes(signatures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the perceptual hash of each signature, (n, `HASH_BYTES`).

    A hash is eight bands of 16 bits, one for each frequency. A bit is set where a pair of rings is
    among the stronger eight of the sixteen at that frequency, so each band has eight bits set.

    Args:
        signatures: Shape (n, rings, angles).
    """
    strength = np.abs(ring_spectra(signatures)[:, :, _HASHED])
    pairs = strength[:, 0::2] + strength[:, 1::2]  # (n, 16, 8)
    # Ranks, not a comparison with the median: ties must not change how many bits are set.
    ranks = np.argsort(np.argsort(pairs, axis=1, kind="stable"), axis=1)
    bits = (ranks >= _STRONG).transpose(0, 2, 1)  # (n, frequency, pair of rings)
    return np.packbits(bits.reshape(len(signatures), 8 * HASH_BYTES), axis=1)


def _fit(image: Image.Image) -> Image.Image:
    """Reduces a picture to a square, its own proportions kept: else a turn would be a shear."""
    longer = max(image.size)
    width, height = (max(1, round(_SIDE * side / longer)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    if width == height:
        return small
    square = Image.new("L", (_SIDE, _SIDE))
    square.paste(small, ((_SIDE - width) // 2, (_SIDE - height) // 2))
    return square


def _read_rings(pixels: NDArray[np.float32], extent: float) -> NDArray[np.complex128]:
    """Returns the frequencies along each circle, the last zero, (rings, frequencies + 1).

    Args:
        pixels: Shape (side, side).
        extent: Radius of the outermost circle, in parts of that inside the picture.
    """
    across, down = _directions()
    radii, middle = RADII[:, None] * (_SIDE / 2 * extent), (_SIDE - 1) / 2
    x, y = middle + radii * across, middle + radii * down
    left, top = x.astype(np.intp), y.astype(np.intp)
    right_share, low_share = x - left, y - top
    place, flat = top * _SIDE + left, pixels.ravel()
    upper = flat[place] * (1 - right_share) + flat[place + 1] * right_share
    lower = flat[place + _SIDE] * (1 - right_share) + flat[place + _SIDE + 1] * right_share
    rings = upper * (1 - low_share) + lower * low_share
    frequencies = np.fft.rfft(rings, axis=-1)[:, : FREQUENCIES + 1]
    frequencies[:, FREQUENCIES] = 0
    return frequencies


def _extent(frequencies: NDArray[np.complex128]) -> float:
    """Returns how far out a picture shows something, 0.1 to 1 of the circle inside it.

    Without it, all small things before black would have one hash: their outer rings are alike.
    """
    structure = (np.abs(frequencies[:, 1:]) ** 2).sum(axis=1) * RADII
    within = np.cumsum(structure)
    if within[-1] <= 0:
        return 1.0
    radius = float(np.interp(_SHOWN * within[-1], within, RADII))
    return min(1.0, max(0.1, radius / float(RADII[-1]) * _MARGIN))


@cache
def _directions() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angles = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    return np.cos(angles), np.sin(angles)
