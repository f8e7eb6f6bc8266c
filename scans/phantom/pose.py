"""Where a slice is cut: plane, position, tilt, zoom and shift, drawn the same way for any class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scans.phantom.anatomy import SELLA

__all__ = ["Pose", "draw_pose", "plane_points"]

_SELLA_SHARE = 0.75
"""Share of slices through the sella among classes other than pituitary. All pituitary slices pass
it; were it rare among the others, where a slice lies would give the class away."""

_PLANES = {
    # axes of the image in MNI space: across (to the right of the picture) and down
    "axial": (np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])),
    "coronal": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])),
    "sagittal": (np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])),
}
_NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}
_RANGE = {"axial": (-40.0, 55.0), "coronal": (-75.0, 45.0), "sagittal": (-50.0, 50.0)}
_CENTRE = {
    "axial": np.array([0.0, -18.0, 0.0]),
    "coronal": np.array([0.0, 0.0, 5.0]),
    "sagittal": np.array([0.0, -18.0, 5.0]),
}
_FIELD_OF_VIEW = 205.0  # mm; the template's brain is 180 mm long, its head some 25 mm longer
_OFF_SELLA = 7.0  # mm that a slice through the sella may lie beside its middle


@dataclass(frozen=True)
class Pose:
    """One cut through the head.

    Attributes:
        plane: axial, coronal or sagittal.
        centre: MNI point in the middle of the picture, mm.
        across: MNI direction of the picture's rows, unit length.
        down: MNI direction of the picture's columns, unit length.
        millimetres: Side of the square picture, mm.
    """

    plane: str
    centre: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    millimetres: float


def draw_pose(random: np.random.Generator, *, through_sella: bool) -> Pose:
    """Draws a cut.

    Args:
        random: Where all chance comes from.
        through_sella: The slice must pass the sella; else it does with the share above.
    """
    plane = str(random.choice(list(_PLANES)))
    at_sella = bool(random.random() < _SELLA_SHARE) or through_sella
    beside, anywhere = random.uniform(-_OFF_SELLA, _OFF_SELLA), random.uniform(*_RANGE[plane])
    normal = _NORMAL[plane]
    centre = _CENTRE[plane].copy()
    centre[normal] = SELLA[normal] + beside if at_sella else anywhere
    turn = _rotation(random)
    across, down = (turn @ axis for axis in _PLANES[plane])
    if at_sella:
        # A tilt turns about the sella, so that the slice still passes it.
        pivot = SELLA.copy()
        pivot[normal] = centre[normal]
        centre = pivot + turn @ (centre - pivot)
    if plane == "sagittal" and random.random() < 0.5:
        across = -across  # the patient looks to the left or to the right
    millimetres = _FIELD_OF_VIEW * random.uniform(0.92, 1.15)
    shift = random.uniform(-0.04, 0.04, 2) * millimetres
    return Pose(plane, centre + shift[0] * across + shift[1] * down, across, down, millimetres)


def plane_points(pose: Pose, size: int) -> NDArray[np.float64]:
    """Returns the MNI points, mm, of a picture's pixel centres: (3, size, size)."""
    steps = (np.arange(size) + 0.5) / size - 0.5
    steps *= pose.millimetres
    return (
        pose.centre[:, None, None]
        + pose.across[:, None, None] * steps[None, None, :]
        + pose.down[:, None, None] * steps[None, :, None]
    )


def _rotation(random: np.random.Generator) -> NDArray[np.float64]:
    """A turn by up to some degrees about each axis."""
    from scipy.spatial.transform import Rotation

    angles = random.uniform(-9.0, 9.0, 3)
    matrix: NDArray[np.float64] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return matrix
