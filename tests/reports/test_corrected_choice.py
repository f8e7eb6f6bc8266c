"""The accuracy of a chosen model, corrected for the choice: by hand, by simulation, by time."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reports.intervals import wilson_interval
from reports.statistics import choice
from reports.statistics.choice import Answers, correct_for_choice
from reports.statistics.resampling import draw_counts


def _answers(right: NDArray[np.bool_], seed: int = 0) -> Answers:
    random = np.random.default_rng(seed)
    losses = np.where(right, 0.1, 2.0) + random.uniform(0, 0.1, right.shape)
    return Answers(right, losses.astype(np.float32))


def _in_blocks(answers: Answers, size: int) -> Iterator[Answers]:
    for begin in range(0, len(answers.right), size):
        part = slice(begin, begin + size)
        yield Answers(answers.right[part], answers.losses[part])


def _by_hand(answers: Answers, groups: NDArray[np.int64], by_loss: bool) -> NDArray[np.float64]:
    """The algorithm as it is written down, one resample after the other."""
    _, group_of = np.unique(groups, return_inverse=True)
    scores = []
    draws = draw_counts(group_of.max() + 1, resamples=choice.RESAMPLES, seed=choice.SEED)
    for counts in np.concatenate(list(draws)):
        drawn = np.repeat(np.arange(len(group_of)), counts[group_of])
        left_out = np.flatnonzero(counts[group_of] == 0)
        if len(left_out) == 0:
            continue
        accuracy = answers.right[:, drawn].mean(axis=1)
        loss = answers.losses[:, drawn].mean(axis=1)
        keys = (accuracy, -loss) if by_loss else (-loss, accuracy)
        chosen = np.lexsort(keys)[-1]
        scores.append(answers.right[chosen, left_out].mean())
    return np.array(scores)


@pytest.mark.parametrize("by_loss", [False, True])
@pytest.mark.parametrize("copies", [1, 3])
def test_it_is_the_algorithm_as_written_down(by_loss: bool, copies: int):
    random = np.random.default_rng(3)
    answers = _answers(random.random((9, 60)) < 0.7)
    groups = np.arange(60) // copies + 100
    found = correct_for_choice(_in_blocks(answers, 4), groups, by_loss=by_loss)
    expected = _by_hand(answers, groups, by_loss)
    assert found.estimate == pytest.approx(expected.mean(), abs=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(expected, [2.5, 97.5])))


def _guessing(models: int, seed: int) -> Answers:
    """Models that guess among four classes, 100 images of each."""
    labels = np.repeat(np.arange(4), 100)
    right = np.random.default_rng(seed).integers(0, 4, (models, 400)) == labels
    return _answers(right, seed)


@pytest.mark.parametrize("models", [20, 200])
def test_the_best_of_models_that_guess_is_found_to_guess(models: int):
    """Over 40 runs the best looks better than chance, and its corrected figure does not.

    The corrected figure of one run varies by 1.7 points, so the mean of 40 by 0.27: 1.2 points are
    more than four of its standard errors.
    """
    runs = [_guessing(models, seed) for seed in range(40)]
    corrected = [correct_for_choice([run], np.arange(400)) for run in runs]
    assert np.mean([run.right.mean(axis=1).max() for run in runs]) > 0.28
    assert np.mean([one.estimate for one in corrected]) == pytest.approx(0.25, abs=0.012)
    # Of 40 intervals that hold what is true with 95 %, 34 or fewer do so once in 70 times.
    assert sum(one.low < 0.25 < one.high for one in corrected) > 34


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(20, 200))
def test_what_is_corrected_lies_below_what_was_measured(seed: int, models: int):
    run = _guessing(models, seed)
    found = correct_for_choice([run], np.arange(400))
    assert found.estimate < run.right.mean(axis=1).max()
    assert found.low <= found.estimate <= found.high


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 1))
def test_one_model_is_not_corrected(seed: int, share: float):
    right = np.random.default_rng(seed).random((1, 300)) < share
    found = correct_for_choice([_answers(right)], np.arange(300))
    assert found.estimate == pytest.approx(right.mean(), abs=0.005)
    assert found.low <= found.estimate <= found.high


def test_the_more_models_the_larger_the_correction():
    right = np.random.default_rng(1).random((300, 300)) < 0.8
    gaps = []
    for models in (2, 20, 300):
        found = correct_for_choice([_answers(right[:models])], np.arange(300))
        gaps.append(right[:models].mean(axis=1).max() - found.estimate)
    assert gaps == sorted(gaps)
    assert gaps[-1] > 0.04


def test_a_model_that_leads_by_far_keeps_its_figure():
    random = np.random.default_rng(2)
    right = np.concatenate([random.random((1, 400)) < 0.95, random.random((50, 400)) < 0.6])
    found = correct_for_choice([_answers(right)], np.arange(400))
    assert found.estimate == pytest.approx(right[0].mean(), abs=0.005)


def test_copies_make_the_interval_wider():
    right = np.repeat(np.random.default_rng(5).random((5, 60)) < 0.8, 5, axis=1)
    alone = correct_for_choice([_answers(right)], np.arange(300))
    together = correct_for_choice([_answers(right)], np.arange(300) // 5)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_few_images_that_are_all_right_are_no_certainty():
    right = _answers(np.ones((3, 48), np.bool_))
    found = correct_for_choice([right], np.arange(48))
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(wilson_interval(1.0, 48)[0])


def test_it_needs_a_model_and_images_that_can_be_left_out():
    with pytest.raises(ValueError, match="at least one model"):
        correct_for_choice([], np.arange(5))
    for groups in (np.zeros(9, int), np.zeros(0, int)):
        with pytest.raises(ValueError, match="at least two groups are needed; received"):
            correct_for_choice([], groups)


def test_thousands_of_trials_take_seconds():
    random = np.random.default_rng(0)

    def blocks() -> Iterator[Answers]:
        for _ in range(12):
            yield _answers(random.random((256, 1000)) < 0.9)

    began = time.process_time()
    correct_for_choice(blocks(), np.arange(1000))
    assert time.process_time() - began < 60  # about 1 s where nothing else runs
