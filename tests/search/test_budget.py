import pytest
from doubles import Clock
from hypothesis import given
from hypothesis import strategies as st

from search.budget import Budget


def test_without_limits_only_trials_end_a_search():
    budget = Budget(trials=2, seconds=None)
    assert budget.search_seconds_left() is None
    assert budget.fine_tune_seconds_left() is None
    assert budget.allows_another_trial(1)
    assert not budget.allows_another_trial(2)


def test_time_is_kept_for_the_final_stages():
    clock = Clock()
    budget = Budget(trials=None, seconds=1200.0, clock=clock)
    assert budget.search_seconds_left() == pytest.approx(1056.0)
    clock.now = 1056.0
    assert not budget.allows_another_trial(0)
    assert budget.fine_tune_seconds_left() == pytest.approx(96.0)


def test_a_short_budget_still_keeps_a_least_time_but_never_more_than_half():
    assert Budget(trials=None, seconds=60.0).reserve == 20.0
    assert Budget(trials=None, seconds=10.0).reserve == 5.0


@given(seconds=st.floats(1, 1e6), elapsed=st.floats(0, 2e6))
def test_what_is_left_is_never_negative_and_leaves_room_for_fine_tuning(seconds, elapsed):
    clock = Clock()
    budget = Budget(trials=None, seconds=seconds, clock=clock)
    clock.now = elapsed
    search, tune = budget.search_seconds_left(), budget.fine_tune_seconds_left()
    assert search is not None
    assert tune is not None
    assert 0 <= search <= tune <= seconds
