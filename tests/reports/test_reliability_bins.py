"""Reliability and temperature scaling against the definitions."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from reports.reliability import calibrate, cross_entropy, reliability
from reports.scores.answers import Answers
from reports.scores.calibration import BINS


def answers(seed: int, images: int = 300, sharp: float = 3.0, classes: int = 4) -> Answers:
    """Probabilities that are `sharp` times too sure of themselves, and labels drawn honestly."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (images, classes))
    labels = np.array([random.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return Answers(softmax(sharp * logits, axis=1).astype(np.float32), labels)


def test_a_temperature_takes_back_what_was_too_sure():
    found = calibrate(answers(1, images=4000), answers(2, images=4000))
    assert found is not None
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert found.bounded
    assert found.fitted_to == 4000
    assert found.before.error > 0.1 > 0.04 > found.after.error
    assert found.after.loss < found.before.loss
    # No answer changes, so that accuracy stays.
    right = [
        sum(one.accuracy * one.images for one in way.bins) for way in (found.before, found.after)
    ]
    assert right[0] == pytest.approx(right[1])


@pytest.mark.parametrize("label", [0, 1])
def test_all_right_or_all_wrong_bound_no_temperature(label: int):
    same = Answers(np.tile(np.array([0.9, 0.1], np.float32), (20, 1)), np.full(20, label))
    found = calibrate(same, same)
    assert found is not None
    assert not found.bounded


def test_the_bins_are_scikit_learns():
    given = answers(4)
    confidence = given.probabilities.max(axis=1)
    right = given.predicted == given.labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=BINS)
    found = reliability(given)
    assert found is not None
    assert [one.accuracy for one in found.bins] == pytest.approx(accuracy)
    assert [one.confidence for one in found.bins] == pytest.approx(mean)
    assert sum(one.images for one in found.bins) == 300
    assert all(one.low <= one.accuracy + 1e-9 <= one.high + 2e-9 for one in found.bins)
    gaps = [one.images * abs(one.confidence - one.accuracy) / 300 for one in found.bins]
    assert found.error == pytest.approx(sum(gaps))


def test_cross_entropy_is_scikit_learns():
    given = answers(5)
    exact = given.probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)  # scikit-learn warns of float32's rounding
    assert cross_entropy(given) == pytest.approx(log_loss(given.labels, exact), rel=1e-4)


def test_full_confidence_falls_into_the_last_bin():
    found = reliability(Answers(np.array([[1.0, 0.0]], np.float32), np.array([0])))
    assert found is not None
    (only,) = found.bins
    assert (only.confidence, only.accuracy, only.images) == (1.0, 1.0, 1)


def test_no_image_has_no_reliability():
    none = Answers(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    assert reliability(none) is None
    assert calibrate(none, answers(1)) is calibrate(answers(1), none) is None
