import pytest
from doubles import Clock
from hypothesis import given
from hypothesis import strategies as st

from search.budgets.budget import Budget
from search.budgets.spent import Spent


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


def test_each_fold_keeps_a_twentieth_for_cross_validation_up_to_two_fifths():
    clock = Clock()
    budget = Budget(trials=None, seconds=1200.0, folds=5, clock=clock)
    assert budget.search_seconds_left() == pytest.approx(756.0)
    assert budget.fine_tune_seconds_left() == pytest.approx(852.0)
    assert budget.cross_validate_seconds_left() == pytest.approx(1152.0)
    assert Budget(trials=None, seconds=1200.0, folds=20).reserve == pytest.approx(624.0)


def test_each_further_seed_keeps_a_twentieth_and_folds_keep_theirs_until_seeds_are_done():
    budget = Budget(trials=None, seconds=1200.0, folds=3, repeats=3, clock=Clock())
    assert budget.search_seconds_left() == pytest.approx(756.0)
    assert budget.search_seconds_to_last() == pytest.approx(804.0)
    assert budget.fine_tune_seconds_left() == pytest.approx(852.0)
    assert budget.repeat_seconds_left() == pytest.approx(972.0)
    assert budget.cross_validate_seconds_left() == pytest.approx(1152.0)
    both = Budget(trials=None, seconds=1200.0, folds=10, repeats=31, clock=Clock())
    assert both.reserve == pytest.approx(624.0)
    assert both.repeat_seconds_left() == pytest.approx(1152.0 - 120.0)
    alone = Budget(trials=None, seconds=1200.0, repeats=3, clock=Clock())
    assert alone.reserve == pytest.approx(264.0)
    assert alone.repeat_seconds_left() == pytest.approx(1152.0)


def test_folds_never_get_more_time_than_the_search():
    budget = Budget(trials=None, seconds=40.0, folds=20, clock=Clock())
    assert budget.search_seconds_left() == 10.0


def test_folds_without_a_time_budget_take_what_they_need():
    budget = Budget(trials=4, seconds=None, folds=5)
    assert budget.reserve == 0.0
    assert budget.cross_validate_seconds_left() is None


@given(
    seconds=st.floats(1, 1e6),
    elapsed=st.floats(0, 2e6),
    folds=st.one_of(st.none(), st.integers(2, 20)),
    repeats=st.integers(1, 100),
)
def test_what_is_left_is_never_negative_and_leaves_room_for_later_stages(
    seconds, elapsed, folds, repeats
):
    clock = Clock()
    budget = Budget(trials=None, seconds=seconds, folds=folds, repeats=repeats, clock=clock)
    clock.now = elapsed
    search, tune = budget.search_seconds_left(), budget.fine_tune_seconds_left()
    cross, seeds = budget.cross_validate_seconds_left(), budget.repeat_seconds_left()
    assert search is not None
    assert seeds is not None
    assert tune is not None
    assert cross is not None
    assert 0 <= search <= tune <= seeds <= cross <= seconds


def test_worker_hours_run_out_faster_the_more_workers_are_held():
    clock = Clock()
    budget = Budget(trials=None, seconds=None, worker_hours=1.0, clock=clock)
    assert budget.search_seconds_left() == pytest.approx(0.88 * 3600)
    for name in "abcd":
        budget.held.hold(name)
        budget.place(name, lambda: None)
    clock.now = 300.0
    assert budget.search_seconds_left() == pytest.approx((0.88 * 3600 - 1200) / 4)


def test_gpu_hours_count_the_gpus_of_each_worker():
    clock = Clock()
    budget = Budget(trials=None, seconds=None, gpu_hours=1.0, clock=clock)
    assert budget.search_seconds_left() is None
    budget.workers_have(0.5)
    budget.held.hold("a")
    budget.place("a", lambda: None)
    clock.now = 100.0
    assert budget.search_seconds_left() == pytest.approx((0.88 * 3600 - 50) / 0.5)


def test_the_first_budget_that_is_used_up_ends_the_search():
    clock = Clock()
    budget = Budget(trials=None, seconds=3600.0, worker_hours=10.0, clock=clock)
    assert budget.search_seconds_left() == pytest.approx(0.88 * 3600)
    budget.held.take_over("search", Spent(seconds=10 * 3600.0))
    assert budget.search_seconds_left() == 0.0
    assert not budget.allows_another_trial(0)


def test_a_stopped_search_starts_nothing_and_leaves_the_final_stages_their_time():
    budget = Budget(trials=10, seconds=3600.0, clock=Clock())
    budget.stop()
    assert budget.stopped
    assert budget.search_seconds_left() == 0.0
    assert not budget.allows_another_trial(0)
    assert budget.fine_tune_seconds_left() == pytest.approx(3456.0)
    without_time = Budget(trials=10, seconds=None)
    without_time.stop()
    assert not without_time.allows_another_trial(0)
    assert without_time.fine_tune_seconds_left() is None


def test_a_trial_that_could_not_end_its_first_epoch_is_not_begun():
    clock = Clock()
    budget = Budget(trials=None, seconds=1200.0, clock=clock)
    clock.now = 1050.0
    assert budget.allows_another_trial(0, needs=5.0)
    assert not budget.allows_another_trial(0, needs=10.0)


def test_each_limit_that_is_set_says_what_is_used_kept_back_and_left():
    clock = Clock()
    budget = Budget(trials=10, seconds=1000.0, clock=clock)
    clock.now = 300.0
    amounts = budget.amounts(4)
    assert {name: (one.used, one.left) for name, one in amounts.items()} == {
        "trials": (4, 6),
        "time": (300.0, pytest.approx(580.0)),
    }
    assert amounts["time"].reserved == budget.reserve
    assert amounts["time"].left == pytest.approx(budget.search_seconds_left())
    assert Budget(trials=None, seconds=None).amounts(4) == {}


def test_no_amount_left_is_below_zero():
    clock = Clock()
    budget = Budget(trials=2, seconds=100.0, clock=clock)
    clock.now = 101.0
    assert [one.left for one in budget.amounts(3).values()] == [0.0, 0.0]


def test_hours_are_told_in_hours():
    clock = Clock()
    budget = Budget(trials=None, seconds=None, worker_hours=2.0, gpu_hours=4.0, clock=clock)
    budget.workers_have(2.0)
    budget.held.hold("a")
    budget.place("a", lambda: None)
    clock.now = 1800.0
    amounts = budget.amounts(0)
    assert {name: (one.unit, one.used) for name, one in amounts.items()} == {
        "worker_hours": ("hours", 0.5),
        "gpu_hours": ("hours", 1.0),
    }


def test_epochs_are_broken_off_while_two_thirds_of_the_reserve_are_left():
    clock = Clock()
    budget = Budget(trials=None, seconds=1200.0, clock=clock)
    assert budget.search_seconds_to_last() == pytest.approx(1104.0)
    budget.stop()
    assert budget.search_seconds_to_last() == pytest.approx(1104.0)
    assert Budget(trials=3, seconds=None).search_seconds_to_last() is None
