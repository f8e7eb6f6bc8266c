"""Which rows cannot be told from the best: groups by hand, by definition, and their errors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reports.statistics.holm import holm
from reports.statistics.mcnemar import discordant, mcnemar
from reports.statistics.tie_groups import ALPHA, tie_groups


def _wrong_on(images: int, *sets: range) -> NDArray[np.bool_]:
    right = np.ones((len(sets), images), bool)
    for row, missed in enumerate(sets):
        right[row, list(missed)] = False
    return right


def test_what_is_clearly_worse_begins_the_next_group():
    right = _wrong_on(100, range(2), range(3), range(20), range(22), range(60))
    assert tie_groups(right) == [1, 1, 2, 2, 3]


def test_a_row_behind_a_worse_one_may_be_in_the_better_group():
    # The second misses what the first does and 7 more; the third 28 others, and none of those 20.
    right = _wrong_on(200, range(20), range(27), range(40, 68))
    first_only, other_only = discordant(right[0], right[1:])
    assert [mcnemar(*pair) > ALPHA for pair in zip(first_only, other_only, strict=True)] == [
        False,
        True,
    ]
    assert tie_groups(right) == [1, 2, 1]


def test_a_row_that_is_better_than_the_first_is_not_parted_from_it():
    # Ranked by loss, the most accurate model need not be the first.
    right = _wrong_on(100, range(30), range(2))
    assert tie_groups(right) == [1, 1]


def test_comparisons_of_a_step_are_corrected_together():
    six_worse = [range(6)] + [range(0)] * 9
    assert tie_groups(_wrong_on(50, range(0), range(6))) == [1, 2]
    # The same difference beside nine further comparisons could be chance.
    assert tie_groups(_wrong_on(50, range(0), *six_worse)) == [1] * 11


def test_nothing_and_one_row():
    assert tie_groups(np.ones((0, 5), bool)) == []
    assert tie_groups(np.zeros((1, 5), bool)) == [1]


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_every_group_is_what_its_definition_says(seed: int, rows: int):
    random = np.random.default_rng(seed)
    right = random.random((rows, 80)) < np.sort(random.uniform(0.3, 1, rows))[::-1, None]
    groups = tie_groups(right)
    for number in range(1, max(groups) + 1):
        left = [row for row, group in enumerate(groups) if group >= number]
        first, *others = left
        assert groups[first] == number
        first_only, other_only = discordant(right[first], right[others])
        adjusted = holm(list(map(mcnemar, first_only.tolist(), other_only.tolist())))
        worse = (adjusted <= ALPHA) & (first_only > other_only)
        assert [groups[row] > number for row in others] == worse.tolist()


def test_equal_models_are_rarely_parted():
    """False alarms: of 300 runs with ten equal models, at most 5 % may part any.

    The exact test is conservative; 30 of 300 would be exceeded once in 10,000 at 5 %.
    """
    random = np.random.default_rng(7)
    alarms = 0
    for _ in range(300):
        right = random.random((10, 120)) < 0.85
        alarms += max(tie_groups(right[right.sum(axis=1).argsort()[::-1]])) > 1
    # The first is the best of ten by the same images, which two-sided tests make up for.
    assert alarms <= 30
