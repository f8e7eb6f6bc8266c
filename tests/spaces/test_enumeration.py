import itertools
import json

import keras_tuner
import optuna
import pytest
from drawn_trial import DrawnTrial
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from space_strategies import foreign_spaces

import spaces

slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(space=foreign_spaces(), seed=st.integers(0, 9))
def test_each_configuration_is_valid_and_comes_once(space, seed):
    found = list(itertools.islice(spaces.configurations(space, seed=seed), 200))
    assert found
    for configuration in found:
        spaces.validate(configuration, space)
    assert len({json.dumps(one, sort_keys=True) for one in found}) == len(found)


@pytest.mark.parametrize("seed", range(3))
def test_a_finite_space_comes_whole(seed):
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("whole", 1, 9, step=4)
    with hp.conditional_scope("kind", ["b"]):
        hp.Boolean("flag")
        hp.Float("listed", 0.0, 1.0, step=0.5)
    found = list(spaces.configurations(hp, seed=seed))
    assert sum(one["kind"] == "a" for one in found) == 3
    assert sum(one["kind"] == "b" for one in found) == 6
    assert found.count({"kind": "c"}) == 1
    assert len(found) == 10


@pytest.mark.parametrize("sampling", ["linear", "log"])
def test_a_real_number_runs_on_through_its_range(sampling):
    hp = keras_tuner.HyperParameters()
    hp.Float("real", 1e-3, 1.0, sampling=sampling)
    found = [one["real"] for one in itertools.islice(spaces.configurations(hp), 1000)]
    assert len(set(found)) == 1000
    assert min(found) == 1e-3
    assert max(found) == 1.0
    middle = 1e-3**0.5 if sampling == "log" else 0.5005
    assert found[2] == pytest.approx(middle)


@slow
@given(space=foreign_spaces(), data=st.data())
def test_a_distribution_is_the_one_that_optuna_is_asked_with(space, data):
    params = {}
    configuration = spaces.suggest(DrawnTrial(data), space)
    params = spaces.optuna_params(configuration, space)
    asked = optuna.trial.FixedTrial(params)
    spaces.suggest(asked, space)
    groups = spaces.distribution_groups(space)
    everything = {key: one for group in groups for key, one in group.items()}
    assert {key: everything[key] for key in asked.distributions} == asked.distributions


def test_groups_are_in_a_configuration_whole_or_not_at_all(task):
    space = spaces.declare_space(task, {name: {} for name in spaces.FAMILIES}, {})
    groups = spaces.distribution_groups(space)
    assert sum(map(len, groups)) == len({key for group in groups for key in group})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        trial = study.ask()
        spaces.suggest(trial, space)
        for group in groups:
            assert group.keys() & trial.params.keys() in (set(), set(group))
