"""What a model answered on some images: checked once, so that every score can rely on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST_PROBABILITY", "Answers"]

SMALLEST_PROBABILITY = 1e-7
"""Keras' own bound: the logarithm of a probability of exactly 0 would be infinite."""


@dataclass(frozen=True)
class Answers:
    """A model's probabilities on labelled images.

    Attributes:
        probabilities: (images, classes), each row's sum about 1; there may be no image.
        labels: (images,) positions of the true classes, 0 to classes - 1 inclusive.

    Raises:
        ValueError: The shapes do not fit, or a label is no class.
    """

    probabilities: NDArray[np.floating]
    labels: NDArray[np.integer]

    def __post_init__(self) -> None:
        shape = self.probabilities.shape
        if len(shape) != 2 or shape[1] < 1 or self.labels.shape != shape[:1]:
            raise ValueError(
                "answers are probabilities (images, classes) and as many labels; received "
                f"{shape} and {self.labels.shape}"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < shape[1]:
            raise ValueError(
                f"labels are positions from 0 to {shape[1] - 1}; received "
                f"{self.labels.min()} to {self.labels.max()}"
            )

    @property
    def can_be_scored(self) -> bool:
        """Whether there is an image at all, and no answer is NaN or infinite."""
        return len(self.labels) > 0 and bool(np.isfinite(self.probabilities).all())

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.probabilities.shape[1])

    @property
    def predicted(self) -> NDArray[np.intp]:
        """(images,) positions of the most probable class; the first of several."""
        most_probable: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return most_probable

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Images by true class (rows) and predicted class (columns)."""
        cells = self.labels.astype(np.int64) * self.classes + self.predicted
        counts: NDArray[np.int64] = np.bincount(cells, minlength=self.classes**2)
        return counts.reshape(self.classes, self.classes)

    def of(self, chosen: NDArray[np.bool_]) -> "Answers":
        """The answers on some of the images, by flags (images,)."""
        return Answers(self.probabilities[chosen], self.labels[chosen])
