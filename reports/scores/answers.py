"""What a model answered on some images: checked once, so that every score can rely on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST_PROBABILITY", "Answers", "log_probabilities"]

SMALLEST_PROBABILITY = 1e-7
"""Keras' own bound: the logarithm of a probability of exactly 0 would be infinite."""


def log_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """The natural logarithm of probabilities, none counted below `SMALLEST_PROBABILITY`.

    Args:
        probabilities: Of any shape, about 0 to 1.

    Returns:
        Of the same shape, at most 0.
    """
    bounded = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)
    logarithms: NDArray[np.float64] = np.log(bounded)
    return logarithms


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

    @property
    def losses(self) -> NDArray[np.float64]:
        """(images,) cross-entropy of each: -ln(probability of the true class), bounded."""
        true = self.probabilities[np.arange(len(self.labels)), self.labels]
        return -log_probabilities(true)

    def of(self, chosen: NDArray[np.bool_]) -> "Answers":
        """The answers on some of the images, by flags (images,)."""
        return Answers(self.probabilities[chosen], self.labels[chosen])
