"""Scores from probabilities, checked against scikit-learn, SciPy and figures worked out by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import mannwhitneyu
from sklearn.metrics import f1_score, log_loss, precision_recall_fscore_support, roc_auc_score

from reports.scores.answers import Answers
from reports.scores.by_class import class_figures, macro_f1, missed_positives
from reports.scores.roc import macro_roc_auc, roc_auc
from reports.scores.temperature import LIMITS, fit_temperature, scaled
from reports.scores.validation import ValidationScores

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")


def made_up(images: int, classes: int = 4, *, seed: int = 0, sharpness: float = 2.0) -> Answers:
    """Answers that are somewhat right, with a few probabilities that are equal."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(0, 1, (images, classes)) + np.eye(classes)[labels]
    rounded = np.round(sharpness * logits, 1)
    return Answers(softmax(rounded, axis=1).astype(np.float32), labels)


NONE_AT_ALL = Answers(np.empty((0, 4), np.float32), np.empty(0, np.int64))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 4])
def test_figures_of_classes_are_scikit_learns(seed, classes):
    answers = made_up(60, classes, seed=seed)
    names = CLASSES[:classes]
    wanted = precision_recall_fscore_support(
        answers.labels, answers.predicted, labels=range(classes), zero_division=0
    )
    found = class_figures(answers, names)
    for place, name in enumerate(names):
        figures = tuple(found[name][key] for key in ("precision", "recall", "f1", "support"))
        assert figures == pytest.approx([column[place] for column in wanted])
    mean = f1_score(
        answers.labels, answers.predicted, labels=range(classes), average="macro", zero_division=0
    )
    assert macro_f1(found) == pytest.approx(mean)


def test_a_class_without_an_image_or_never_named_has_shares_of_zero():
    answers = Answers(np.eye(3, dtype=np.float32)[[0, 0, 1]], np.array([0, 1, 1]))
    found = class_figures(answers, ("a", "b", "c"))
    assert found["a"] == {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1}
    assert found["b"] == {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2}
    assert found["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert macro_f1(found) == pytest.approx(4 / 9)


@pytest.mark.parametrize("seed", range(5))
def test_the_macro_area_is_scikit_learns(seed):
    answers = made_up(60, seed=seed)
    doubles = answers.probabilities.astype(np.float64)
    doubles /= doubles.sum(axis=1, keepdims=True)  # scikit-learn refuses sums rounded to float32
    wanted = roc_auc_score(answers.labels, doubles, multi_class="ovr", average="macro")
    assert macro_roc_auc(Answers(doubles, answers.labels)) == pytest.approx(wanted)
    assert macro_roc_auc(answers) == pytest.approx(wanted, abs=1e-3)  # float32 makes further ties


def test_an_area_is_mann_and_whitneys_share_of_pairs():
    random = np.random.default_rng(3)
    scores, positive = random.integers(0, 9, 50) / 8, random.random(50) < 0.4
    wanted = mannwhitneyu(scores[positive], scores[~positive]).statistic
    assert roc_auc(scores, positive) == pytest.approx(wanted / positive.sum() / (~positive).sum())
    assert roc_auc(np.full(50, 0.25), positive) == 0.5


def test_an_area_by_hand():
    # Pairs of positive and negative: (.9, .8) won, (.9, .2) won, (.8, .8) equal, (.8, .2) won.
    positive = np.array([True, False, True, False])
    assert roc_auc(np.array([0.9, 0.8, 0.8, 0.2]), positive) == pytest.approx(3.5 / 4)


def test_there_is_no_area_where_a_class_is_missing():
    answers = made_up(30)
    assert macro_roc_auc(answers.of(answers.labels != 2)) is None
    one_class = answers.of(answers.labels == 2)
    assert macro_roc_auc(one_class) is None
    assert class_figures(one_class, CLASSES)["notumor"]["support"] == len(one_class.labels)
    assert roc_auc(np.ones(3), np.ones(3, np.bool_)) is None


def test_missed_positives_are_those_called_negative():
    predicted, labels = np.array([2, 2, 2, 1, 0, 2]), np.array([0, 2, 3, 1, 2, 1])
    assert missed_positives(Answers(np.eye(4)[predicted], labels), 2) == (3, 4)
    healthy = np.array([2, 2])
    assert missed_positives(Answers(np.eye(4)[healthy], healthy), 2) == (0, 0)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 3.0])
def test_a_temperature_that_was_put_in_is_found_again(wanted):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 4))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < random.random((20_000, 1))).sum(axis=1)
    answers = Answers(softmax(wanted * logits, axis=1), labels)
    assert fit_temperature(answers) == pytest.approx(wanted, rel=0.05)


def test_no_other_temperature_has_a_smaller_loss():
    answers = made_up(200, sharpness=4.0)

    def loss(temperature: float) -> float:
        return log_loss(answers.labels, scaled(answers.probabilities, temperature))

    best = fit_temperature(answers)
    assert best > 1  # it was made too sure
    tried = np.geomspace(*LIMITS, 400)
    assert loss(best) <= min(map(loss, tried)) + 1e-9


def test_scaled_probabilities_are_a_softmax_of_divided_logits():
    logits = np.array([[2.0, 0.0, -1.0], [0.3, 0.1, 0.2]])
    found = scaled(softmax(logits, axis=1), 2.5)
    assert found == pytest.approx(softmax(logits / 2.5, axis=1))
    assert scaled(softmax(logits, axis=1), 1.0) == pytest.approx(softmax(logits, axis=1))
    with pytest.raises(ValueError, match="above 0; received 0"):
        scaled(logits, 0.0)


def test_probabilities_of_exactly_zero_are_scored():
    labels = np.array([0, 1, 2, 3, 0])
    certain = np.eye(4, dtype=np.float32)
    right = Answers(certain[labels], labels)
    assert LIMITS[0] <= fit_temperature(right) < 1  # below some value the loss is 0 exactly
    wrong = Answers(certain[(labels + 1) % 4], labels)
    assert fit_temperature(wrong) == pytest.approx(LIMITS[1], rel=1e-3)
    assert np.isfinite(scaled(wrong.probabilities, LIMITS[0])).all()
    assert macro_roc_auc(right) == 1.0


def scores(labels: np.ndarray, negative: str | None = "notumor") -> ValidationScores:
    return ValidationScores(labels=labels, classes=CLASSES, negative_class=negative)


def test_a_record_gets_every_figure():
    answers = made_up(80)
    found = scores(answers.labels).of(answers.probabilities)
    assert all(value is not None for value in found.values())
    assert found["val_missed_positives"] == missed_positives(answers, 2)[0]
    assert sum(one["support"] for one in found["val_classes"].values()) == 80
    without = scores(answers.labels, negative=None).of(answers.probabilities)
    assert without == {**found, "val_missed_positives": None}


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_an_answer_that_is_no_number_makes_no_figure(broken):
    answers = made_up(10)
    probabilities = answers.probabilities.copy()
    probabilities[3, 1] = broken
    assert set(scores(answers.labels).of(probabilities).values()) == {None}


def test_no_image_makes_no_figure():
    found = scores(NONE_AT_ALL.labels).of(NONE_AT_ALL.probabilities)
    assert set(found.values()) == {None}


def test_a_single_image_has_no_error_after_scaling():
    found = scores(np.array([1])).of(np.array([[0.1, 0.7, 0.1, 0.1]], np.float32))
    assert found["val_calibration_error"] == pytest.approx(0.3)
    assert found["val_calibration_error_scaled"] is None


@pytest.mark.parametrize(
    ("probabilities", "labels", "told"),
    [
        (np.ones(4), np.array([0]), r"as many labels; received \(4,\)"),
        (np.ones((2, 4)), np.array([0]), r"received \(2, 4\) and \(1,\)"),
        (np.ones((1, 4)), np.array([4]), r"from 0 to 3; received 4 to 4"),
        (np.ones((1, 4)), np.array([-1]), r"received -1 to -1"),
    ],
)
def test_what_does_not_fit_is_refused(probabilities, labels, told):
    with pytest.raises(ValueError, match=told):
        Answers(probabilities, labels)


def test_names_fit_the_columns():
    with pytest.raises(ValueError, match="4 columns have as many names"):
        class_figures(made_up(3), ("a", "b"))


def test_the_loss_of_each_image_is_that_of_its_true_class():
    answers = made_up(300)
    doubles = answers.probabilities.astype(np.float64)
    doubles /= doubles.sum(axis=1, keepdims=True)
    wanted = log_loss(answers.labels, doubles, labels=range(4))
    assert answers.losses.mean() == pytest.approx(wanted, abs=1e-6)
    never = Answers(np.array([[0.0, 1.0]]), np.array([0]))
    assert never.losses[0] == pytest.approx(-np.log(1e-7))
