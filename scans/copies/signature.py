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

SIGNATURE_VERSION = 1
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

_HASHED = slice(1, 9)  # frequencies in the hash: 0 is brightness alone, beyond 8 noise gets a say
_STRONG = SIGNATURE_SHAPE[0] // 4  # of the pairs of rings, the weaker half


def sign_picture(image: Image.Image) -> NDArray[np.uint8]:
    """Reads a picture along circles about its middle.

    Args:
        image: Mode L or RGB, of any size; the longer side is fitted, the rest is black.

    Returns:
        Brightness by ring and angle, `SIGNATURE_SHAPE`, 0 to 255.
    """
    pixels = np.asarray(_fit(image.convert("L")), dtype=np.float32).ravel()
    places, shares = _reading()
    rings = (pixels[places] * shares).sum(axis=0)
    smooth = np.fft.rfft(rings, axis=-1)[:, : FREQUENCIES + 1]
    smooth[:, FREQUENCIES] = 0
    smooth *= SIGNATURE_SHAPE[1] / _ANGLES
    kept = np.fft.irfft(smooth, n=SIGNATURE_SHAPE[1], axis=-1)
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


@cache
def _reading() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The four pixels about each point of the circles, and their shares: (4, rings, angles)."""
    angles = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    middle, radii = (_SIDE - 1) / 2, RADII[:, None] * _SIDE / 2
    x, y = middle + radii * np.cos(angles), middle + radii * np.sin(angles)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right_share, low_share = x - left, y - top
    places = [(top + down) * _SIDE + left + right for down in (0, 1) for right in (0, 1)]
    shares = [
        (low_share if down else 1 - low_share) * (right_share if right else 1 - right_share)
        for down in (0, 1)
        for right in (0, 1)
    ]
    return np.stack(places), np.stack(shares).astype(np.float32)
