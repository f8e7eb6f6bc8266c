"""Whether a model is right as often as it says: the expected calibration error."""

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import Answers
from reports.scores.temperature import fit_temperature, scaled

__all__ = ["BINS", "bins_of", "calibration_error", "held_out_error", "two_halves"]

BINS = 15
"""Bins of equal width, as Guo et al. 2017 use them."""


def calibration_error(answers: Answers, *, bins: int = BINS) -> float | None:
    """Expected calibration error of the most probable class.

    Images are put into bins by the probability of the class they were given, see `bins_of`. The
    error is the mean over the images of how far a bin's accuracy lies from its mean probability
    (Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv:1706.04599, equation 3).

    Args:
        answers: On any number of images.
        bins: At least 1.

    Returns:
        0 to 1 inclusive, 0 for a model that is right as often as it says; None without an image,
        or with an answer that is no number.
    """
    if not answers.can_be_scored:
        return None
    confidence = answers.probabilities.max(axis=1).astype(np.float64)
    right = answers.predicted == answers.labels
    place = bins_of(confidence, bins)
    # The images of a bin over all images cancel the images that its two means are taken over.
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(right))


def bins_of(confidence: NDArray[np.floating], bins: int = BINS) -> NDArray[np.intp]:
    """Put images into bins of equal width: bin k of n has those above (k - 1) / n up to k / n.

    Args:
        confidence: (images,) probabilities, 0 to 1 inclusive.
        bins: At least 1.

    Returns:
        (images,) places from 0; a bin holds its upper end, the first its lower one too.
    """
    return np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")


def held_out_error(answers: Answers, groups: NDArray[np.int64] | None = None) -> float | None:
    """Expected calibration error after temperature scaling, as on images that it was not fitted to.

    The temperature is fitted on one half of the images and applied to the other, then the other
    way round; the error is that of both halves together. Fitted and judged on the same images it
    would look better than it is on new ones.

    Args:
        answers: On any number of images.
        groups: (images,) numbers that copies and near-copies share; None if all are unrelated.

    Returns:
        0 to 1 inclusive; None where a half would be empty or an answer is no number.
    """
    if not answers.can_be_scored:
        return None
    second = two_halves(answers.labels, groups)
    probabilities = np.empty(answers.probabilities.shape)
    for judged in (second, ~second):
        temperature = fit_temperature(answers.of(~judged))
        if temperature is None or not judged.any():
            return None
        probabilities[judged] = scaled(answers.probabilities[judged], temperature)
    return calibration_error(Answers(probabilities, answers.labels))


def two_halves(
    labels: NDArray[np.integer], groups: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Divide images into two halves, always the same for the same images.

    Within each class every second group, in the order in which they first appear, goes to the
    second half: both have all classes, as far as there are two groups of each, and no image has a
    copy in the other half.

    Args:
        labels: (images,) positions of the classes.
        groups: (images,) numbers that copies and near-copies share; None if all are unrelated.

    Returns:
        (images,) flags of the second half.
    """
    own = np.arange(len(labels)) if groups is None else groups
    _, first, place = np.unique(own, return_index=True, return_inverse=True)
    order = np.lexsort((first, labels[first]))  # by the class of the group's first image
    is_second = np.empty(len(first), np.bool_)
    is_second[order] = np.arange(len(first)) % 2 == 1
    return is_second[place]
