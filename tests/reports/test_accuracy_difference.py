"""The bootstrap of a difference, against SciPy's."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from reports.statistics.difference import accuracy_difference


def test_the_interval_is_that_of_scipy():
    random = np.random.default_rng(0)
    first = random.random(400) < 0.8
    second = np.where(random.random(400) < 0.8, first, random.random(400) < 0.95)
    found = accuracy_difference(first, second, np.arange(400))
    theirs = bootstrap(
        (first, second),
        lambda one, other, axis: other.mean(axis=axis) - one.mean(axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=10_000,
        rng=1,
    ).confidence_interval
    assert found.value == pytest.approx(second.mean() - first.mean())
    # Percentiles of 10,000 draws whose deviation is about 0.02 are known to about 0.0006.
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.003)


def test_models_that_answer_alike_do_not_differ():
    right = np.random.default_rng(0).random(50) < 0.7
    found = accuracy_difference(right, right, np.arange(50))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_the_sign_says_which_is_better():
    worse, better = np.zeros(30, bool), np.ones(30, bool)
    assert accuracy_difference(worse, better, np.arange(30)).value == 1
    assert accuracy_difference(better, worse, np.arange(30)).value == -1


def test_the_same_seed_gives_the_same_interval_and_copies_widen_it():
    random = np.random.default_rng(4)
    first, second = (np.repeat(random.random(60) < share, 5) for share in (0.7, 0.8))
    alone = accuracy_difference(first, second, np.arange(300))
    assert alone == accuracy_difference(first, second, np.arange(300))
    together = accuracy_difference(first, second, np.arange(300) // 5)
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
