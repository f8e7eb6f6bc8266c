"""Slices of one head, one behind the other: what near-duplicates must be told from.

The template is symmetric and everybody's; a volume bends it smoothly, so that left differs from
right and one volume from the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scans.phantom.anatomy import load_head
from scans.phantom.appearance import add_scalp, draw_scanner
from scans.phantom.pose import Pose, draw_pose, plane_points

__all__ = ["draw_volume"]

_GRID = (25, 29, 25)  # points of the displacement, `_COARSE` apart, over the template
_COARSE = 8.0  # mm
_CORNER = np.array([-98.0, -134.0, -72.0])  # MNI place of the first point, mm
_SMOOTH = 3.0  # points: heads differ smoothly
_BEND = 5.0  # mm, standard deviation: a lobe is a few millimetres larger in one person


def draw_volume(
    seed: np.random.SeedSequence, *, slices: int, spacing: float, size: int
) -> NDArray[np.uint8]:
    """Draws parallel slices of one head in one scanner, (slices, size, size) uint8.

    Noise is new in each slice; all else is shared, as in a real volume.

    Args:
        seed: Where all chance comes from.
        slices: How many, at least 1; they are centred in the head.
        spacing: From one slice to the next, mm.
        size: Side of the square pictures in pixels.
    """
    *others, scalp = seed.spawn(5)
    of_pose, of_bend, of_scanner, of_noise = map(np.random.default_rng, others)
    pose = draw_pose(of_pose, through_sella=False)
    bend, scanner = _draw_bend(of_bend), draw_scanner(of_scanner)
    offsets = (np.arange(slices) - (slices - 1) / 2) * spacing
    pictures = []
    for offset in offsets:
        points = plane_points(_moved(pose, offset), size)
        intensity, depth = _look(points + _displacement(bend, points))
        # The same scalp in every slice: a texture of its own would tell neighbours apart.
        image = add_scalp(intensity, depth, np.random.default_rng(scalp))
        pictures.append(scanner.expose(image, of_noise))
    return np.stack(pictures)


def _look(points: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    head = load_head()
    return head.intensity(points), head.depth_at(points)


def _moved(pose: Pose, offset: float) -> Pose:
    """The pose moved along its normal, mm."""
    normal = np.cross(pose.across, pose.down)
    return Pose(pose.plane, pose.centre + offset * normal, pose.across, pose.down, pose.millimetres)


def _draw_bend(random: np.random.Generator) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    field = np.stack([gaussian_filter(random.normal(0, 1, _GRID), _SMOOTH) for _ in range(3)])
    bend: NDArray[np.float64] = field * (_BEND / field.std())
    return bend


def _displacement(bend: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    places = (points - _CORNER[:, None, None]) / _COARSE
    return np.stack([map_coordinates(one, places, order=1, mode="nearest") for one in bend])
