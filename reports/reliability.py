"""Whether a model's confidence can be taken at its word, before and after temperature scaling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.intervals import wilson_interval
from reports.scores.answers import Answers
from reports.scores.calibration import bins_of, calibration_error
from reports.scores.temperature import LIMITS, at_temperature, fit_temperature

__all__ = ["Bin", "Calibration", "Reliability", "calibrate", "cross_entropy", "reliability"]


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
        bins: Those of `BINS` equal parts that hold images, the least confident first.
        error: Expected calibration error, 0 to 1 inclusive, as `reports.scores.calibration` has it.
        loss: Mean cross-entropy.
    """

    bins: tuple[Bin, ...]
    error: float
    loss: float


@dataclass(frozen=True)
class Calibration:
    """Test images before and after a temperature that was fitted to validation images.

    Attributes:
        bounded: Whether the validation images tell a temperature at all: where all of them are
            right, the colder the better, without end.
        temperature: Above 1 where the model was too sure of itself, below 1 where not enough.
        fitted_to: Validation images.
        before: On the test images, as the model answers.
        after: The same answers, scaled.
    """

    bounded: bool
    temperature: float
    fitted_to: int
    before: Reliability
    after: Reliability


def calibrate(validation: Answers, test: Answers) -> Calibration | None:
    """Fit a temperature to validation images and look at what it does to the test images.

    None where there is no image of one of the parts, or an answer is no number.
    """
    temperature = fit_temperature(validation)
    before = reliability(test)
    after = None if temperature is None else reliability(at_temperature(test, temperature))
    if temperature is None or before is None or after is None:
        return None
    return Calibration(
        _is_bounded(validation, temperature), temperature, len(validation.labels), before, after
    )


def reliability(answers: Answers) -> Reliability | None:
    """Sort images by the probability of their most probable class.

    None without an image.
    """
    error = calibration_error(answers)
    if error is None:
        return None
    confidence = answers.probabilities.max(axis=1).astype(np.float64)
    right = answers.predicted == answers.labels
    place = bins_of(confidence)
    found = [_bin(confidence[place == at], right[place == at]) for at in np.unique(place)]
    return Reliability(tuple(found), error, cross_entropy(answers))


def cross_entropy(answers: Answers) -> float:
    """Mean of -ln(probability of the true class), of at least one image; as Keras bounds it."""
    return float(answers.losses.mean())


def _is_bounded(validation: Answers, temperature: float) -> bool:
    """Whether the temperature is better than both ends of the range that was looked through."""
    best, *ends = (cross_entropy(at_temperature(validation, one)) for one in (temperature, *LIMITS))
    return min(ends) > best + 1e-9


def _bin(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    accuracy = float(right.mean())
    # Float32 may carry a mean of ones a little past 1.
    mean = min(1.0, float(confidence.mean()))
    return Bin(mean, accuracy, len(right), *wilson_interval(accuracy, len(right)))
