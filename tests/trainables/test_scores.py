import math

import numpy as np
import pytest

from neurosweep.errors import DataError
from trainables import metrics

PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], np.float32)
LABELS = np.array([0, 2, 1])
CLASSES = ("glioma", "notumor", "pituitary")


def test_accuracy_counts_the_most_probable_class():
    assert metrics.accuracy(PROBABILITIES, LABELS) == pytest.approx(2 / 3)


def test_cross_entropy_is_the_mean_negative_logarithm():
    expected = -(math.log(0.5) + math.log(0.7) + math.log(0.3)) / 3
    assert metrics.cross_entropy(PROBABILITIES, LABELS) == pytest.approx(expected, rel=1e-6)


def test_a_probability_of_0_costs_much_but_not_infinitely():
    assert metrics.cross_entropy(np.array([[1.0, 0.0]], np.float32), np.array([1])) == (
        pytest.approx(-math.log(1e-7))
    )


def test_nan_stays_nan():
    assert math.isnan(metrics.cross_entropy(np.full((1, 2), np.nan, np.float32), np.array([0])))


def test_confusion_has_true_classes_as_rows():
    assert metrics.confusion(PROBABILITIES, LABELS) == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]


def test_missed_positives_are_others_called_negative():
    matrix = [[5, 2, 0], [3, 9, 4], [1, 6, 7]]
    assert metrics.missed_positives(matrix, CLASSES, "notumor") == 2 + 6


def test_an_unknown_negative_class_is_refused():
    with pytest.raises(DataError, match="received 'healthy'"):
        metrics.missed_positives([[1, 0], [0, 1]], ("a", "b"), "healthy")


def test_a_class_with_the_name_of_an_average_keeps_its_own_line():
    classes = ("accuracy", "macro avg", "0")
    report = metrics.classification_report(PROBABILITIES, LABELS, classes)
    plain = metrics.classification_report(PROBABILITIES, LABELS, CLASSES)
    assert [report[name] for name in classes] == [plain[name] for name in CLASSES]
    assert list(report) == [*classes, "weighted avg"]
    assert report["weighted avg"] == plain["weighted avg"]


def test_the_report_has_every_class_even_one_never_predicted():
    report = metrics.classification_report(PROBABILITIES, LABELS, CLASSES)
    assert report["notumor"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1-score": 0.0,
        "support": 1.0,
    }
    assert report["pituitary"]["recall"] == 1.0
    assert report["accuracy"] == pytest.approx(2 / 3)
