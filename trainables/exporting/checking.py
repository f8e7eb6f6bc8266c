"""Whether an export gives the probabilities of model.keras, on images made here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from trainables.exporting.answering import Answering

__all__ = ["Checked", "check_images", "compare"]

# Height and width: tiny, square and not, smaller and larger than most networks' own size.
_SIZES = ((1, 1), (17, 23), (64, 64), (96, 144), (224, 224), (301, 257), (512, 384))


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a comparison came to.

    Attributes:
        images: How many were compared.
        sizes: Of how many sizes they were.
        largest_difference: Between two probabilities of the same class and image, 0 to 1.
        tolerance: What is allowed, inclusive.
    """

    images: int
    sizes: int
    largest_difference: float
    tolerance: float


def check_images(seed: int = 0) -> list[NDArray[np.uint8]]:
    """Batches of uint8 RGB images (n, height, width, 3), each batch of another size.

    Each has an image of noise, one of smooth waves, and one that is all of one colour: computed,
    the same for the same seed, and of no patient.
    """
    generator = np.random.default_rng(seed)
    return [_batch(generator, height, width) for height, width in _SIZES]


def compare(export: Answering, published: Answering, *, tolerance: float) -> Checked:
    """The largest difference between two models over `check_images`.

    Raises:
        NeurosweepError: It is above the tolerance, or the export gives other shapes or no numbers.
    """
    batches = check_images()
    differences = []
    for images in batches:
        wanted, got = published(images), export(images)
        if got.shape != wanted.shape or not np.isfinite(got).all():
            raise NeurosweepError(
                f"an export gives finite probabilities of shape {wanted.shape}; this one gave "
                f"{got.shape} for images of shape {images.shape}, so it was not kept. Export to "
                "another format."
            )
        differences.append(float(np.abs(got.astype(np.float64) - wanted).max()))
    largest = max(differences)
    if largest > tolerance:
        raise NeurosweepError(
            f"an export's probabilities differ from model.keras' by at most {tolerance:g}; these "
            f"differ by up to {largest:.1e}, so it was not kept. Allow more with --tolerance if "
            "that is good enough, or export to another format."
        )
    return Checked(
        images=sum(map(len, batches)),
        sizes=len(batches),
        largest_difference=largest,
        tolerance=tolerance,
    )


def _batch(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    noise = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, columns = np.mgrid[0:height, 0:width]
    periods = generator.uniform(3.0, 40.0, (3, 2))
    waves = [127.5 + 127.5 * np.sin(rows / down + columns / across) for down, across in periods]
    even = np.broadcast_to(generator.integers(0, 256, 3, dtype=np.uint8), noise.shape)
    return np.stack([noise, np.stack(waves, axis=-1).astype(np.uint8), even])
