"""Phantom data: synthetic brain slices with painted lesions, for demos and tests.

Slices are cut from the MNI152 T1 template that ships inside nilearn, so nothing is downloaded.
They look like scans and are none: whatever is measured on them is marked synthetic.
"""

from scans.phantom.folder import write_phantom
from scans.phantom.lesions import LESIONS

__all__ = ["PHANTOM_CLASSES", "write_phantom"]

PHANTOM_CLASSES = tuple(LESIONS)
"""The classes of phantom data, sorted; those of the reference task."""
