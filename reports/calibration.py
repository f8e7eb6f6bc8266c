"""Whether a model's confidence can be taken at its word, before and after temperature scaling.

Guo et al. 2017, "On Calibration of Modern Neural Networks" (ICML): one number divides the logits,
chosen on validation images; it changes no answer, only how sure each claims to be.
"""

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING

from reports.intervals import wilson_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BINS",
    "Bin",
    "Calibration",
    "Reliability",
    "calibrate",
    "fit_temperature",
    "reliability",
    "scaled",
]

BINS = 10
"""Equal parts of the confidence from 0 to 1."""

# Keras' own bound, as in the validation loss: a probability of 0 would make the loss infinite.
_SMALLEST = 1e-7
_GOLDEN = (5**0.5 - 1) / 2
_COLDEST, _HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Bin:
    """Images whose most probable class had a probability within one part of the range.

    Attributes:
        confidence: Mean of those probabilities, 0 to 1 inclusive.
        accuracy: Share of right answers, with Wilson's 95 % interval from `low` to `high`.
        images: How many; at least 1.
    """

    confidence: float
    accuracy: float
    images: int
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """How confidence and accuracy go together.

    Attributes:
        bins: Those with images, the least confident first.
        error: Expected calibration error: the mean over the images of the distance between their
            bin's confidence and accuracy, 0 to 1 inclusive.
        loss: Mean cross-entropy.
    """

    bins: tuple[Bin, ...]
    error: float
    loss: float


@dataclass(frozen=True)
class Calibration:
    """Test images before and after a temperature that was fitted to validation images.

    Attributes:
        temperature: Above 1 where the model was too sure of itself, below 1 where not enough.
        fitted_to: Validation images.
        before: On the test images, as the model answers.
        after: The same answers, scaled.
    """

    temperature: float
    fitted_to: int
    before: Reliability
    after: Reliability

    @property
    def at_bound(self) -> bool:
        """Whether the temperature stands at an end of the range that was looked through."""
        return not 1.01 * _COLDEST < self.temperature < 0.99 * _HOTTEST


def calibrate(
    validation: "tuple[NDArray[np.float32], NDArray[np.int64]]",
    test: "tuple[NDArray[np.float32], NDArray[np.int64]]",
) -> Calibration:
    """Fit a temperature to validation images and look at what it does to the test images.

    Args:
        validation: Probabilities (images, classes) and labels (images,), at least one image.
        test: The same of the test images, at least one.
    """
    temperature = fit_temperature(*validation)
    probabilities, labels = test
    return Calibration(
        temperature,
        len(validation[1]),
        reliability(probabilities, labels),
        reliability(scaled(probabilities, temperature), labels),
    )


def fit_temperature(probabilities: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> float:
    """The temperature of the least cross-entropy, by golden-section search over its logarithm.

    Args:
        probabilities: (images, classes), at least one image.
        labels: (images,) positions of the true classes.

    Returns:
        From 0.05 to 20. A bound is reached where all answers are right, or all are wrong.
    """
    import numpy as np

    logits = _logarithms(probabilities)
    rows = np.arange(len(labels))

    def cost(where: float) -> float:
        # Not clipped, unlike a loss that is shown: so it has one minimum, convex in 1 / T.
        chances = logits / exp(where)
        chances -= chances.max(axis=1, keepdims=True)
        missed = np.log(np.exp(chances).sum(axis=1)) - chances[rows, labels]
        return float(missed.mean())

    low, high = log(_COLDEST), log(_HOTTEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > 1e-5:
        # Where all are right, both cost nothing from some place on: on to the bound.
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = cost(right)
    return exp((low + high) / 2)


def scaled(probabilities: "NDArray[np.float32]", temperature: float) -> "NDArray[np.float64]":
    """Divide the logits by a temperature: softmax(ln p / T), (images, classes)."""
    import numpy as np

    logits = _logarithms(probabilities) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return found


def reliability(
    probabilities: "NDArray[np.floating]", labels: "NDArray[np.int64]", bins: int = BINS
) -> Reliability:
    """Sort images by the probability of their most probable class.

    Args:
        probabilities: (images, classes), at least one image.
        labels: (images,) positions of the true classes.
        bins: Equal parts of the range; each holds its upper end, the first its lower one too.
    """
    import numpy as np

    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    found = [_bin(confidence[place == at], right[place == at]) for at in range(bins)]
    kept = tuple(one for one in found if one is not None)
    error = sum(one.images * abs(one.confidence - one.accuracy) for one in kept) / len(labels)
    return Reliability(kept, error, _loss(probabilities, labels))


def _bin(confidence: "NDArray[np.float64]", right: "NDArray[np.bool_]") -> Bin | None:
    if not len(confidence):
        return None
    accuracy = float(right.mean())
    mean = min(1.0, float(confidence.mean()))
    return Bin(mean, accuracy, len(right), *wilson_interval(accuracy, len(right)))


def _loss(probabilities: "NDArray[np.floating]", labels: "NDArray[np.int64]") -> float:
    import numpy as np

    return float(-_logarithms(probabilities)[np.arange(len(labels)), labels].mean())


def _logarithms(probabilities: "NDArray[np.floating]") -> "NDArray[np.float64]":
    import numpy as np

    return np.log(np.clip(probabilities.astype(np.float64), _SMALLEST, 1.0))
