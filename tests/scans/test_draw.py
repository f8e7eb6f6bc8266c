"""Drawing a share: whole groups, classes in proportion, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosweep.errors import DataError
from scans.division.draw import Rows, draw_share, number_folds


def _rows(random, *, classes, images, largest):
    """Rows of several classes in which groups have 1 to `largest` images of one class."""
    labels, groups, number = [], [], 0
    for label in range(classes):
        left = images
        while left > 0:
            size = min(left, int(random.integers(1, largest + 1)))
            labels += [f"class {label}"] * size
            groups += [number] * size
            number, left = number + 1, left - size
    order = random.permutation(len(labels))
    return Rows(labels=np.array(labels)[order], groups=np.array(groups, np.int32)[order])


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 1000),
    share=st.sampled_from([0.1, 0.15, 0.2, 0.25, 0.3, 1 / 3, 0.5]),
    largest=st.integers(1, 4),
)
def test_a_share_is_drawn_within_a_point_per_class_and_no_group_is_torn(seed, share, largest):
    rows = _rows(np.random.default_rng(seed), classes=2, images=250, largest=largest)
    among = np.arange(len(rows.labels))
    drawn = draw_share(rows, among, share=share, seed=seed)
    chosen = np.isin(among, drawn)
    for label in np.unique(rows.labels):
        assert abs(chosen[rows.labels == label].mean() - share) <= 0.01
    assert not set(rows.groups[chosen]) & set(rows.groups[~chosen])


def test_only_what_may_be_drawn_is_drawn():
    rows = _rows(np.random.default_rng(0), classes=2, images=100, largest=1)
    among = np.arange(0, 200, 2)
    drawn = draw_share(rows, among, share=0.2, seed=0)
    assert set(drawn) <= set(among)
    assert 18 <= len(drawn) <= 22


def test_a_class_of_three_gives_one():
    labels = np.array(["large"] * 50 + ["small"] * 3)
    rows = Rows(labels=labels, groups=np.arange(53, dtype=np.int32))
    drawn = draw_share(rows, np.arange(53), share=0.2, seed=0)
    assert (labels[drawn] == "small").sum() == 1
    assert (labels[drawn] == "large").sum() == 10


def test_huge_groups_give_what_is_nearest():
    # Three patients of a class: one of them validates, which is a third of the images.
    labels = np.array(["a"] * 30 + ["b"] * 30)
    rows = Rows(labels=labels, groups=np.repeat(np.arange(6, dtype=np.int32), 10))
    drawn = draw_share(rows, np.arange(60), share=0.2, seed=0)
    assert sorted(labels[drawn]) == ["a"] * 10 + ["b"] * 10


def test_folds_have_every_class_and_no_group_is_in_two():
    rows = _rows(np.random.default_rng(1), classes=2, images=60, largest=3)
    folds = number_folds(rows, np.arange(120), folds=4, seed=0)
    assert set(folds.tolist()) == {0, 1, 2, 3}
    for fold in range(4):
        assert set(rows.labels[folds == fold]) == {"class 0", "class 1"}
        assert not set(rows.groups[folds == fold]) & set(rows.groups[folds != fold])


def test_too_few_pictures_for_folds():
    labels = np.array(["a"] * 9 + ["b"] * 9)
    rows = Rows(labels=labels, groups=np.array([*range(9), *[9, 10, 11] * 3], np.int32))
    with pytest.raises(DataError, match=r"Each of 5 folds must have .* there are only: b 3; ask"):
        number_folds(rows, np.arange(18), folds=5, seed=0)


def test_too_few_images_for_a_share():
    rows = Rows(labels=np.array(["a", "b"]), groups=np.arange(2, dtype=np.int32))
    with pytest.raises(
        DataError, match=r"share of 20% must be drawn from two .* there are only: a 1, b 1"
    ):
        draw_share(rows, np.arange(2), share=0.2, seed=0)
