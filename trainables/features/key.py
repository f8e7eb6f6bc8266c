"""What cached features depend on, and thus the name they are kept under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from scans.pictures.decode import RESIZE_VERSION

__all__ = ["FLIPPED", "PLAIN", "POOLED", "RANDOM", "FeatureKey", "files_hash", "views_of"]

PLAIN = "plain"
"""The view of an image as it is."""

FLIPPED, RANDOM = "flipped", "random"
"""The views of changed images: mirrored, and, with a number behind, changed at random."""

POOLED = "pooled"
"""The layer whose output is kept: average and maximum over the last maps."""

_LAYOUT = 1  # of the store's files


@dataclass(frozen=True, kw_only=True)
class FeatureKey:
    """All that decides the numbers of one cache of features.

    Attributes:
        data: Fingerprint of the images.
        files: Hash of the names of the rows, as `files_hash` gives it.
        network: What the images go through: a backbone's name, or a family's.
        weights: Hash of its weights.
        image_size: Height and width in pixels.
        channels: 1 or 3.
        preprocessing: "native", "unit", or "standardised-…" with the statistics' hash.
        layer: `POOLED`, or the name of the layer whose output is kept.
        view: `PLAIN`, or how the images are changed first.
        precision: "float16" or "float32".
    """

    data: str
    files: str
    network: str
    weights: str
    image_size: int
    channels: int
    preprocessing: str
    layer: str = POOLED
    view: str = PLAIN
    precision: str = "float16"

    @property
    def name(self) -> str:
        """Name of the folder: readable in front, complete in the hash behind."""
        told = json.dumps({**asdict(self), "resize": RESIZE_VERSION, **_versions()}, sort_keys=True)
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        scaled = self.preprocessing.partition("-")[0]
        layer = "".join(one if one.isalnum() or one == "_" else "_" for one in self.layer)
        return f"{self.network}-{self.image_size}px-{scaled}-{layer}-{self.view}-{digest}"


def views_of(copies: int) -> tuple[str, ...]:
    """Names of the views of each training image: itself, then so many changed copies.

    Example:
        >>> views_of(3)
        ('plain', 'flipped', 'random1', 'random2')
    """
    random = (f"{RANDOM}{number}" for number in range(1, copies))
    return (PLAIN, *([FLIPPED] if copies else []), *random)


def files_hash(files: Sequence[str]) -> str:
    """Hash of the names of the rows, in their order."""
    return hashlib.sha256("\n".join(files).encode()).hexdigest()


def _versions() -> dict[str, str | int]:
    """What computes: another version may round otherwise, or build another network."""
    return {"layout": _LAYOUT, "keras": version("keras"), "tensorflow": version("tensorflow")}
