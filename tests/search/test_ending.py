import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import _split_trials
from optuna.trial import TrialState
from small_spaces import FAILED, completed, pruned

from reports import Status
from search.sampling import Ending, standing_of
from search.sampling.group_study import GroupStudy

scores = st.floats(-1e6, 1e6)
endings = st.one_of(
    st.builds(completed, scores),
    st.builds(lambda v, w: completed(v, violations=(w, -1.0)), scores, st.floats(0.001, 1e6)),
    st.builds(pruned, st.integers(1, 50), scores),
    st.just(Ending(status=Status.PRUNED)),
    st.just(FAILED),
)


@given(short=st.integers(0, 100), more=st.integers(1, 100), first=scores, second=scores)
def test_a_score_after_few_epochs_never_ranks_above_one_after_more(short, more, first, second):
    longer = standing_of([pruned(short + more, first)], (1,))
    assert longer > standing_of([pruned(short, second)], (1,))
    assert standing_of([completed(first)], (1,)) > longer


@given(step=st.integers(1, 100), first=scores, second=scores, sign=st.sampled_from((1, -1)))
def test_after_equally_many_epochs_the_score_decides(step, first, second, sign):
    better = standing_of([pruned(step, first)], (sign,)) > standing_of(
        [pruned(step, second)], (sign,)
    )
    assert better == (sign * first > sign * second)


@given(st.lists(endings, min_size=2, max_size=12), st.data())
def test_optuna_splits_what_it_is_shown_as_the_standings_say(shown, data):
    below = data.draw(st.integers(1, len(shown) - 1))
    group = GroupStudy({"x": optuna.distributions.IntDistribution(0, 100)})
    standings = [standing_of([ending], (1,)) for ending in shown]
    for place, standing in enumerate(standings):
        group.add({"x": place}, standing)
    good, bad = _split_trials(group._study, group._study.get_trials(deepcopy=False), below)
    assert len(good) == below
    worst = min(standings[trial.params["x"]] for trial in good)
    assert all(standings[trial.params["x"]] <= worst for trial in bad)


def test_tiers_from_worst_to_best():
    tiers = [
        FAILED,
        completed(0.99, violations=(5.0,)),
        completed(0.1, violations=(0.5, -3.0)),
        Ending(status=Status.PRUNED),
        pruned(3, 0.9),
        pruned(9, 0.2),
        completed(0.1),
        completed(0.3, violations=(0.0,)),
    ]
    standings = [standing_of([ending], (1,)) for ending in tiers]
    assert standings == sorted(standings)
    assert len(set(standings)) == len(standings)


def test_repeats_count_by_their_mean_and_a_failure_among_them_does_not():
    repeated = standing_of([completed(0.6), FAILED, completed(0.8), pruned(2, 0.99)], (1,))
    assert repeated.merit == pytest.approx(0.7)
    assert standing_of([completed(0.6), completed(0.8)], (-1,)).merit == pytest.approx(-0.7)
    assert standing_of([FAILED, pruned(2, 0.9)], (1,)) == standing_of([pruned(2, 0.9)], (1,))


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_an_ending_with_a_figure_that_is_no_number_is_a_failure(figure):
    checked = completed(0.5, figure).checked(2)
    assert (checked.status, checked.reason) == (Status.FAILED, f"value 2 of 2 is {figure}")
    checked = completed(0.5, violations=(figure,)).checked(1)
    assert (checked.status, checked.reason) == (Status.FAILED, f"violation 1 of 1 is {figure}")


def test_a_completed_trial_has_a_value_per_objective():
    with pytest.raises(ValueError, match="one value per objective, 2 here; received"):
        completed(0.5).checked(2)
    assert completed(0.5, 0.1).checked(2) == completed(0.5, 0.1)


def test_failures_are_no_state_that_optuna_leaves_out():
    group = GroupStudy({"x": optuna.distributions.IntDistribution(0, 100)})
    group.add({"x": 1}, standing_of([FAILED], (1,)))
    (shown,) = group._study.get_trials(deepcopy=False)
    assert shown.state is TrialState.COMPLETE
