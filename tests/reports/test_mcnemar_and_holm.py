"""Tests of significance, against SciPy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from reports.statistics.holm import holm
from reports.statistics.mcnemar import discordant, mcnemar

counts = st.integers(0, 3000)


@given(counts, counts)
def test_the_p_value_is_that_of_scipy(first_only: int, second_only: int):
    coins = first_only + second_only
    expected = binomtest(first_only, coins).pvalue if coins else 1.0
    # Below 1e-250 SciPy rounds to 0 sooner than we do.
    assert mcnemar(first_only, second_only) == pytest.approx(expected, rel=1e-8, abs=1e-250)


@pytest.mark.parametrize("pair", [(0, 1), (0, 6), (3, 9), (10, 10), (41, 20), (0, 5000)])
def test_the_p_value_is_that_of_statsmodels(pair: tuple[int, int]):
    table = [[100, pair[0]], [pair[1], 7]]
    assert mcnemar(*pair) == pytest.approx(their_mcnemar(table, exact=True).pvalue)


def test_either_model_may_be_the_first():
    assert mcnemar(3, 12) == mcnemar(12, 3)


def test_six_to_nothing_is_the_first_that_counts():
    # Two sides of 1 / 2^6 are 3.1 %; five to nothing are 6.25 %.
    assert mcnemar(6, 0) == pytest.approx(2 / 64)
    assert mcnemar(5, 0) == pytest.approx(2 / 32)


def test_no_count_is_negative():
    with pytest.raises(ValueError, match="at least 0; received -1 and 3"):
        mcnemar(-1, 3)


def test_discordant_images_are_those_that_one_alone_got_right():
    one = np.array([True, True, False, False, True])
    others = np.array([[True, False, True, False, False], one])
    first_only, second_only = discordant(one, others)
    assert first_only.tolist() == [2, 0]
    assert second_only.tolist() == [1, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_adjusted_p_values_are_those_of_statsmodels(values: list[float]):
    _, expected, _, _ = multipletests(values, method="holm")
    assert holm(values) == pytest.approx(expected)


def test_nothing_to_adjust():
    assert holm([]).tolist() == []
