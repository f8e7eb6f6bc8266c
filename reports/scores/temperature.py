"""Temperature scaling: one number that makes a model less, or more, sure of itself.

Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2. The most
probable class stays the most probable one, so that no accuracy changes.
"""

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import Answers, log_probabilities

__all__ = ["LIMITS", "at_temperature", "fit_temperature", "negative_log_likelihood", "scaled"]

LIMITS = (0.05, 20.0)
"""The least and the greatest temperature, inclusive (ours). A model that is never wrong on the
images it is fitted to would have a temperature of 0, and one that knows nothing an infinite one."""

_TOLERANCE = 1e-6  # of the logarithm of the temperature


def fit_temperature(answers: Answers) -> float | None:
    """The temperature with the least mean negative log-likelihood of the true classes.

    That is convex in 1 / temperature, so that a search in one dimension finds the least.

    Args:
        answers: On any number of images.

    Returns:
        Within `LIMITS`; above 1 for a model that was too sure. None without an image, or with an
        answer that is no number.
    """
    from scipy.optimize import minimize_scalar

    if not answers.can_be_scored:
        return None
    logits = log_probabilities(answers.probabilities)

    def loss(logarithm: float) -> float:
        return negative_log_likelihood(logits / np.exp(logarithm), answers.labels)

    found = minimize_scalar(
        loss, bounds=np.log(LIMITS), method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(np.clip(np.exp(found.x), *LIMITS))


def at_temperature(answers: Answers, temperature: float) -> Answers:
    """The same model's answers at a temperature above 0; those that are no numbers stay none."""
    if not answers.can_be_scored:
        return answers
    return Answers(scaled(answers.probabilities, temperature), answers.labels)


def scaled(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities of the same model at a temperature: softmax(logits / temperature).

    Logits are known up to a constant that the softmax takes away: they are the logarithms of the
    probabilities. Where a probability is smaller than `SMALLEST_PROBABILITY`, 0 say, it counts as
    that.

    Args:
        probabilities: (images, classes) finite.
        temperature: Above 0; 1 leaves the probabilities as they are.

    Returns:
        (images, classes), each row's sum 1.

    Raises:
        ValueError: The temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0; received {temperature}")
    return np.exp(_log_softmax(log_probabilities(probabilities) / temperature))


def negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Mean of -ln(probability of the true class) under softmax(logits).

    Args:
        logits: (images, classes), at least one image.
        labels: (images,) positions of the true classes.
    """
    return float(-_log_softmax(logits)[np.arange(len(labels)), labels].mean())


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised
