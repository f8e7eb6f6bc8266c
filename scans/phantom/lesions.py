"""Lesions, painted by class: glioma, meningioma, pituitary; healthy slices stay as they are.

What each looks like follows the textbook picture on contrast-enhanced T1: a glioma is irregular,
inside the brain, with a bright ring, a dark core and swelling around it; a meningioma is round,
smooth, evenly bright and broad against the brain's border; a pituitary tumour sits at the sella,
in the midline, and grows upwards. Sizes and intensities are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scans.phantom.anatomy import SELLA

__all__ = ["LESIONS", "Slice"]

Image = NDArray[np.float32]

_AWAY_FROM_SELLA = 32.0  # mm: nearer, another tumour would be hard to tell from a pituitary one
_EDGE = 0.9  # mm over which a lesion's edge fades


@dataclass(frozen=True)
class Slice:
    """A cut through the head, before contrast, bias and noise.

    Attributes:
        points: MNI coordinates of the pixels, mm, (3, size, size).
        depth: Millimetres below the brain's surface, negative outside, (size, size).
        image: Intensity 0 to 1, (size, size).
    """

    points: NDArray[np.float64]
    depth: NDArray[np.float32]
    image: Image


def _glioma(cut: Slice, random: np.random.Generator) -> Image:
    """Irregular ring with a dark core and swelling, inside the brain."""
    radius = random.uniform(15.0, 25.0)
    centre = _place(cut, random, low=0.55 * radius, high=60.0)
    distance = _distance(cut, centre) / _wobble(cut, centre, random, strength=0.20)
    rim = random.uniform(0.22, 0.36) * radius
    ring = _inside(distance, radius)
    core = _inside(distance, radius - rim)
    swelling = _inside(distance, radius * random.uniform(1.35, 1.7), edge=5.0)
    brain = _inside(-cut.depth, 0.0)
    shade = 1 - random.uniform(0.25, 0.40) * swelling * brain
    image = (cut.image * shade).astype(np.float32)
    image = _blend(image, random.uniform(0.95, 1.10), ring * brain)
    return _blend(image, random.uniform(0.15, 0.32), core * brain)


def _meningioma(cut: Slice, random: np.random.Generator) -> Image:
    """Round, smooth, evenly bright, against the border of the brain."""
    radius = random.uniform(15.0, 24.0)
    centre = _place(cut, random, low=0.25 * radius, high=0.55 * radius)
    distance = _distance(cut, centre) / _wobble(cut, centre, random, strength=0.03)
    within = _inside(-cut.depth, 1.5)  # it flattens against the skull
    return _blend(cut.image, random.uniform(0.95, 1.12), _inside(distance, radius) * within)


def _pituitary(cut: Slice, random: np.random.Generator) -> Image:
    """A body at the sella with a smaller one on top of it, in the midline."""
    radius = random.uniform(11.5, 17.0)
    lower = SELLA + np.array([0.0, 0.0, -2.0]) + random.uniform(-2.0, 2.0, 3)
    upper = lower + np.array([0.0, random.uniform(-2.0, 2.0), 0.95 * radius])
    body = _inside(_distance(cut, lower), radius)
    top = _inside(_distance(cut, upper), radius * random.uniform(0.65, 0.85))
    return _blend(cut.image, random.uniform(0.90, 1.10), np.maximum(body, top))


def _healthy(cut: Slice, random: np.random.Generator) -> Image:
    """No lesion."""
    del random
    return cut.image


LESIONS: dict[str, Callable[[Slice, np.random.Generator], Image]] = {
    "glioma": _glioma,
    "meningioma": _meningioma,
    "notumor": _healthy,
    "pituitary": _pituitary,
}
"""How each class is painted; the keys are the classes, in the order of their folders."""


def _place(
    cut: Slice, random: np.random.Generator, *, low: float, high: float
) -> NDArray[np.float64]:
    """Draws a point of the slice at a depth from `low` to `high` mm, away from the sella.

    Where a slice has no such place, the depth nearest to it is taken.
    """
    away = _distance(cut, SELLA) > _AWAY_FROM_SELLA
    fits = away & (cut.depth >= low) & (cut.depth <= high)
    if not fits.any():
        missing = np.where(away, np.abs(cut.depth - (low + high) / 2), np.inf)
        fits = missing <= missing.min() + 1.0
    rows, columns = np.nonzero(fits)
    chosen = int(random.integers(len(rows)))
    return cut.points[:, rows[chosen], columns[chosen]]


def _distance(cut: Slice, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Millimetres from each pixel to an MNI point, (size, size)."""
    distances: NDArray[np.float64] = np.linalg.norm(cut.points - centre[:, None, None], axis=0)
    return distances


def _wobble(
    cut: Slice, centre: NDArray[np.float64], random: np.random.Generator, *, strength: float
) -> NDArray[np.float64]:
    """A factor around 1 that makes an outline irregular, by the direction seen from `centre`."""
    offset = cut.points - centre[:, None, None]
    across = cut.points[:, 0, -1] - cut.points[:, 0, 0]
    down = cut.points[:, -1, 0] - cut.points[:, 0, 0]
    angle = np.arctan2(np.tensordot(down, offset, 1), np.tensordot(across, offset, 1))
    factor = np.ones_like(angle)
    for lobes in range(2, 7):
        amplitude, phase = (
            random.normal(0.0, strength / np.sqrt(lobes)),
            random.uniform(0, 2 * np.pi),
        )
        factor += amplitude * np.cos(lobes * angle + phase)
    return np.clip(factor, 0.6, 1.5)


def _inside(
    distance: NDArray[np.floating], radius: float, *, edge: float = _EDGE
) -> NDArray[np.float64]:
    """1 where `distance` is below `radius`, 0 above, fading over `edge` mm."""
    share: NDArray[np.float64] = 1 / (1 + np.exp(np.clip((distance - radius) / edge, -40, 40)))
    return share


def _blend(image: Image, value: float, share: NDArray[np.float64]) -> Image:
    # A little of what lies below shows through, as tissue is never quite even.
    painted = value * (0.92 + 0.08 * image / 0.7)
    blended: Image = (image * (1 - share) + painted * share).astype(np.float32)
    return blended
