"""Linear probes: which images they see, what they find, and that copies do not help them."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurosweep.errors import DataError
from scans import ImageRows
from trainables import probing
from trainables.probing import probe, training_share


def rows_with(counts, seed=0):
    """Training rows of classes with so many images each, then validation rows."""
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.concatenate([labels, np.arange(len(counts))])
    generator = np.random.default_rng(seed)
    train = generator.permutation(sum(counts))
    return ImageRows(
        files=tuple(f"{row}.png" for row in range(len(labels))),
        labels=labels,
        groups=np.arange(len(labels)),
        train=train,
        validation=np.arange(sum(counts), len(labels)),
        test=np.array([], np.int64),
    )


@pytest.mark.parametrize("share", [0.125, 0.25, 0.5, 1.0])
def test_a_share_has_every_class_in_proportion(share):
    rows = rows_with([400, 40, 160])
    found = training_share(rows, share, seed=3)
    assert len(found) == round(share * 600) == len(set(found))
    assert set(found) <= set(rows.train)
    counts = Counter(rows.labels[found].tolist())
    for label, of_class in enumerate([400, 40, 160]):
        assert abs(counts[label] - share * of_class) <= 1


def test_a_larger_share_begins_with_the_smaller_and_a_seed_decides():
    rows = rows_with([30, 7, 50])
    whole = training_share(rows, 1.0, seed=3)
    for share in (0.01, 0.1, 0.33, 0.5, 0.9):
        part = training_share(rows, share, seed=3)
        np.testing.assert_array_equal(part, whole[: len(part)])
    np.testing.assert_array_equal(whole, training_share(rows, 1.0, seed=3))
    assert not np.array_equal(whole, training_share(rows, 1.0, seed=4))
    assert len(training_share(rows, 1e-6, seed=3)) == 9  # three of each class


def problem(images=120, distance=1.0, classes=3, seed=0):
    """Features (n, 2, 6) around a mean per class, in odd units, and labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    means = np.random.default_rng(99).normal(0, distance, (classes, 2, 6))
    features = means[labels] + generator.normal(0, 1, (images, 2, 6))
    return (features * 1e3 + 5e4).astype(np.float32), labels


def test_it_tells_classes_apart_that_a_line_divides():
    found = probe(problem(distance=6.0), problem(60, distance=6.0, seed=1), np.arange(120))
    assert found.accuracy == found.cv_accuracy == 1
    assert found.loss < 0.05
    assert found.train_images == 120
    assert found.seconds > 0


def test_it_finds_nothing_where_there_is_nothing():
    found = probe(problem(distance=0.0), problem(300, distance=0.0, seed=1), np.arange(120))
    assert found.accuracy < 0.5
    assert found.c <= 0.01  # the penalty wins


def test_figures_are_those_of_scikit_learn_on_the_same_pipeline():
    (features, labels), (shown, truth) = problem(), problem(60, seed=1)
    groups = np.arange(120) // 2
    found = probe((features, labels), (shown, truth), groups)
    flat, folds = features.reshape(120, 12), StratifiedGroupKFold(3, shuffle=True, random_state=0)

    def pipeline(c):
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=200))

    def scores(c, scoring):
        return cross_val_score(
            pipeline(c), flat, labels, groups=groups, cv=folds, scoring=scoring
        ).mean()

    best = max(probing._STRENGTHS, key=lambda c: scores(c, "neg_log_loss"))
    assert found.c == best
    assert found.cv_accuracy == pytest.approx(scores(best, "accuracy"))
    outputs = pipeline(best).fit(flat, labels).predict_proba(shown.reshape(60, 12))
    assert found.accuracy == pytest.approx(float((outputs.argmax(axis=1) == truth).mean()))
    assert found.loss == pytest.approx(log_loss(truth, outputs), rel=1e-4)


def test_groups_never_stand_on_both_sides_of_a_fold():
    labels = np.arange(90) % 3
    groups = np.arange(90) // 9  # each holds images of all classes
    for train, held_out in probing._folds(labels, groups):
        assert not set(groups[train]) & set(groups[held_out])
        assert set(labels[train]) == {0, 1, 2}


def test_copies_do_not_make_noise_look_learnable():
    """Pure noise, each image four times: whoever sees a copy in training knows the answer."""
    labels = np.arange(40) % 3
    noise = np.random.default_rng(5).normal(0, 1, (40, 2, 200)).astype(np.float32)
    copied = np.repeat(noise, 4, axis=0), np.repeat(labels, 4)
    validation = noise[:9], labels[:9]
    honest = probe(copied, validation, np.repeat(np.arange(40), 4))
    fooled = probe(copied, validation, np.arange(160))
    assert honest.cv_accuracy < 0.6
    assert fooled.cv_accuracy > 0.9


def test_a_class_without_training_images_counts_as_wrong():
    features, labels = problem(distance=6.0)
    there = labels != 1
    found = probe(
        (features[there], labels[there]), problem(60, distance=6.0, seed=1), np.arange(there.sum())
    )
    assert found.accuracy == pytest.approx(2 / 3)
    assert np.isfinite(found.loss)


def test_one_class_alone_is_told():
    features, labels = problem()
    with pytest.raises(DataError, match="of one class. Give images of the others"):
        probe((features[labels == 0], labels[labels == 0]), problem(60, seed=1), np.arange(40))


@pytest.mark.parametrize("groups", [1, 2])
def test_a_class_of_few_groups_is_probed_all_the_same(groups):
    features, labels = problem(distance=6.0)
    kept = np.concatenate([np.flatnonzero(labels != 2), np.flatnonzero(labels == 2)[:groups]])
    found = probe((features[kept], labels[kept]), problem(60, distance=6.0, seed=1), kept)
    assert found.accuracy > 0.6
    if groups == 1:  # nothing can be chosen, and that is said
        assert (found.c, found.cv_accuracy) == (probing._WITHOUT_CHOICE, None)
    else:
        assert found.cv_accuracy is not None


def test_every_share_has_a_few_images_of_a_rare_class():
    labels = np.array([0] * 200 + [1] * 100 + [2] * 4)
    rows = SimpleNamespace(labels=labels, train=np.arange(len(labels)))
    small, large = (training_share(rows, share, seed=0) for share in (0.02, 0.5))
    for share in (small, large):
        assert (labels[share] == 2).sum() >= 3
    np.testing.assert_array_equal(large[: len(small)], small)
