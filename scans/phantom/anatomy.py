"""The head that slices are cut from: MNI152 template, and distances to the brain's surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["SELLA", "Head", "load_head"]

SELLA = np.array([0.0, 5.0, -26.0])
"""Where the pituitary gland sits and a tumour of it grows upwards, MNI millimetres (x right,
y forward, z up): in the midline, below the chiasm, before the brain stem. Read off the template,
whose skull-stripped brain leaves a gap there."""

_COARSE = 2  # mm: distances are smooth, a coarser grid is enough and eight times smaller


@dataclass(frozen=True)
class Head:
    """The template on its grids.

    Attributes:
        brain: T1 intensity 0 to 1, 0 outside the brain, (x, y, z) float32 at 1 mm.
        origin: MNI coordinates of voxel (0, 0, 0) of `brain`, mm.
        depth: Millimetres to the brain's surface, positive inside and negative outside,
            (x, y, z) float32 at 2 mm, the same origin.
    """

    brain: NDArray[np.float32]
    origin: NDArray[np.float64]
    depth: NDArray[np.float32]

    def intensity(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """T1 intensity at MNI points (3, …) mm; 0 outside the template."""
        return _sample(self.brain, self._voxels(points, 1), outside=0.0)

    def depth_at(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Millimetres below the brain's surface at MNI points (3, …) mm; negative outside."""
        return _sample(self.depth, self._voxels(points, _COARSE), outside=-1000.0)

    def _voxels(self, points: NDArray[np.float64], spacing: int) -> NDArray[np.float64]:
        origin = self.origin.reshape(3, *([1] * (points.ndim - 1)))
        voxels: NDArray[np.float64] = (points - origin) / spacing
        return voxels


@cache
def load_head() -> Head:
    """Loads the template from nilearn's package and measures distances in it, once a process."""
    from nilearn.datasets import load_mni152_template
    from scipy.ndimage import binary_closing, binary_fill_holes, distance_transform_edt

    template = load_mni152_template(resolution=1)
    brain = np.asarray(template.get_fdata(), np.float32)
    # Sulci are part of the inside of the head: without them, no place would be deep.
    inside = binary_closing(brain[::_COARSE, ::_COARSE, ::_COARSE] > 0, iterations=4)
    inside = binary_fill_holes(inside)
    padded = np.pad(inside, 1)  # closing must not leave the brain open at the grid's edge
    depth = distance_transform_edt(padded) - distance_transform_edt(~padded)
    depth = depth[1:-1, 1:-1, 1:-1] * _COARSE
    return Head(brain, np.asarray(template.affine[:3, 3], np.float64), depth.astype(np.float32))


def _sample(
    volume: NDArray[np.float32], voxels: NDArray[np.float64], *, outside: float
) -> NDArray[np.float32]:
    from scipy.ndimage import map_coordinates

    values: NDArray[np.float32] = map_coordinates(
        volume, voxels, order=1, mode="constant", cval=outside, prefilter=False
    )
    return values
