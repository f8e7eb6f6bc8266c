"""Temperature scaling and reliability against SciPy and the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

from reports.calibration import calibrate, fit_temperature, reliability, scaled


def answers(seed, images=300, sharp=3.0, classes=4):
    """Probabilities that are `sharp` times too sure of themselves, and labels drawn honestly."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (images, classes))
    honest = softmax(logits, axis=1)
    labels = np.array([random.choice(classes, p=row) for row in honest])
    return softmax(sharp * logits, axis=1).astype(np.float32), labels


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 5.0))
def test_the_temperature_is_where_scipy_finds_the_least_loss(seed, sharp):
    probabilities, labels = answers(seed, sharp=sharp)

    logits = np.log(np.clip(probabilities.astype(np.float64), 1e-7, 1))

    def loss(temperature):
        return log_loss(labels, softmax(logits / temperature, axis=1), labels=range(4))

    best = minimize_scalar(loss, bounds=(0.05, 20.0), method="bounded", options={"xatol": 1e-6})
    assert fit_temperature(probabilities, labels) == pytest.approx(best.x, rel=1e-3)


def test_a_temperature_takes_back_what_was_too_sure():
    found = calibrate(answers(1, images=4000), answers(2, images=4000))
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert not found.at_bound
    assert found.fitted_to == 4000
    assert found.before.error > 0.1 > 0.04 > found.after.error
    assert found.after.loss < found.before.loss


def test_scaling_changes_no_answer_and_one_changes_nothing():
    probabilities, _ = answers(3)
    for temperature in (0.3, 7.0):
        cooled = scaled(probabilities, temperature)
        assert (cooled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert cooled.sum(axis=1) == pytest.approx(1)
    assert scaled(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.parametrize(("label", "bound"), [(0, 0.05), (1, 20.0)])
def test_all_right_or_all_wrong_bound_no_temperature(label, bound):
    probabilities = np.tile(np.array([0.9, 0.1], np.float32), (20, 1))
    labels = np.full(20, label)
    found = calibrate((probabilities, labels), (probabilities, labels))
    assert found.temperature == pytest.approx(bound, rel=1e-2)
    assert found.at_bound


def test_the_error_is_the_weighted_distance_of_ten_bins():
    probabilities, labels = answers(4)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = reliability(probabilities, labels)
    error = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence > low) & (confidence <= low + 0.1 + 1e-9)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert found.error == pytest.approx(error, abs=1e-6)
    assert sum(one.images for one in found.bins) == len(labels)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)  # scikit-learn warns of float32's rounding
    assert found.loss == pytest.approx(log_loss(labels, exact), rel=1e-4)
    assert all(one.low <= one.accuracy <= one.high for one in found.bins)


def test_full_confidence_falls_into_the_last_bin():
    (only,) = reliability(np.array([[1.0, 0.0]], np.float32), np.array([0])).bins
    assert (only.confidence, only.accuracy, only.images) == (1.0, 1.0, 1)
