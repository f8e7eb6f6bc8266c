"""ROC and precision-recall curves against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from reports.curves import curves_of, precision_recall, roc
from reports.scores.answers import Answers

CLASSES = ("glioma", "meningioma", "notumor")


def drawn(seed, images=60, levels=None):
    """Scores and positives; with few `levels` many scores are equal."""
    random = np.random.default_rng(seed)
    scores = random.uniform(size=images).astype(np.float32)
    if levels:
        scores = np.round(scores * levels).astype(np.float32) / levels
    positive = random.uniform(size=images) < 0.3 + 0.4 * scores
    positive[:2] = (True, False)
    return scores, positive


many = given(st.integers(0, 2**32 - 1), st.integers(2, 80), st.sampled_from([None, 1, 3, 10]))


@many
def test_roc_is_scikit_learns(seed, images, levels):
    scores, positive = drawn(seed, images, levels)
    ours = roc(scores, positive)
    across, up, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    assert ours.across == pytest.approx(across)
    assert ours.up == pytest.approx(up)
    assert ours.area == pytest.approx(metrics.roc_auc_score(positive, scores))


@many
def test_precision_and_recall_are_scikit_learns(seed, images, levels):
    scores, positive = drawn(seed, images, levels)
    ours = precision_recall(scores, positive)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    assert ours.across == pytest.approx(recall[::-1])
    assert ours.up == pytest.approx(precision[::-1])
    assert ours.area == pytest.approx(metrics.average_precision_score(positive, scores))


def test_each_class_is_held_against_all_others():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 50)
    probabilities = random.dirichlet(np.ones(3), 50).astype(np.float32)
    found = curves_of(Answers(probabilities, labels), CLASSES)
    assert [one.name for one in found] == list(CLASSES)
    assert [one.images for one in found] == np.bincount(labels).tolist()
    areas = metrics.roc_auc_score(np.eye(3)[labels], probabilities, average=None)
    assert [one.roc.area for one in found] == pytest.approx(areas)


def test_a_class_without_an_image_has_no_curve():
    labels = np.zeros(4, np.int64)
    probabilities = np.full((4, 3), 1 / 3, np.float32)
    all_of_it, none, _ = curves_of(Answers(probabilities, labels), CLASSES)
    assert all_of_it.roc is None  # there is nothing to tell it from
    assert all_of_it.precision_recall.area == 1.0
    assert none.roc is none.precision_recall is None
    assert none.images == 0
