import json

import keras_tuner
import optuna
import pytest
from drawn_trial import DrawnTrial
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from space_strategies import foreign_spaces, joint_spaces

import spaces
from neurosweep.errors import SpaceError
from spaces.scope import halvings

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(joint=joint_spaces(), data=st.data())
def test_what_the_bridge_samples_is_valid_and_comes_back(joint, data):
    _, space = joint
    trial = DrawnTrial(data)
    configuration = spaces.suggest(trial, space)
    spaces.validate(configuration, space)
    assert trial.user_attrs == {"configuration": configuration}
    assert spaces.optuna_params(configuration, space).items() >= trial.params.items()
    assert spaces.hyperparameters(configuration, space).values == configuration


@slow
@given(space=foreign_spaces(), data=st.data())
def test_a_foreign_space_survives_the_bridge_json_and_optunas_own_checks(space, data):
    loaded = keras_tuner.HyperParameters.from_config(json.loads(json.dumps(space.get_config())))
    configuration = spaces.suggest(DrawnTrial(data), loaded)
    spaces.validate(configuration, space)
    again = optuna.trial.FixedTrial(spaces.optuna_params(configuration, space))
    assert spaces.suggest(again, space) == configuration


@slow
@given(joint=joint_spaces(), data=st.data())
def test_no_sampled_network_shrinks_the_image_to_nothing(joint, data):
    task, space = joint
    configuration = spaces.suggest(DrawnTrial(data), space)
    size = task.image_size
    for factor, rounds_up in reductions(configuration):
        size = -(-size // factor) if rounds_up else size // factor
    assert size >= 2
    if configuration["family"] in ("plain_cnn", "mini_vgg"):
        assert size <= 40  # or the first hidden layer would not fit into memory


def reductions(configuration):
    """Factor by which each layer shrinks the maps, and whether it rounds up."""
    own = {name.partition("/")[2]: value for name, value in configuration.items()}
    family = configuration["family"]
    if family == "plain_cnn":
        for step in range(1, own["blocks"] + 1):
            yield own[f"stride_{step}"], True
            yield 2, False
    elif family == "mini_vgg":
        yield from [(2, False)] * own["blocks"]
    elif family == "mini_resnet":
        yield own["stem_stride"], True
        yield 2 if own["stem_pool"] else 1, True
        for step in range(2, own["stages"] + 1):
            yield own[f"stride_{step}"], True


@pytest.mark.parametrize("size", range(16, 512, 31))
def test_the_deepest_networks_reach_the_bound_and_no_more(size):
    task = spaces.Task(image_size=size, channels=1, classes=("a", "b"))
    space = spaces.declare_space(task, {"plain_cnn": {}}, {})
    blocks = next(hp for hp in space.space if hp.name == "plain_cnn/blocks")
    assert max(blocks.values) == min(6, halvings(size))


def test_optunas_grouped_tpe_samples_the_joint_space(task):
    with pytest.warns(optuna.exceptions.ExperimentalWarning, match="group"):
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=0)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    space = spaces.declare_space(task, {name: {} for name in spaces.FAMILIES}, {})
    for _ in range(25):
        trial = study.ask()
        configuration = spaces.suggest(trial, space)
        spaces.validate(configuration, space)
        study.tell(trial, configuration["training/learning_rate"])
    assert len({trial.user_attrs["configuration"]["family"] for trial in study.trials}) > 1


def test_an_enqueued_configuration_is_asked_back(task):
    space = spaces.declare_space(task, {name: {} for name in spaces.FAMILIES}, {})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    papers = spaces.paper_configurations(space, task, spaces.FAMILIES)
    for _, configuration in papers:
        study.enqueue_trial(spaces.optuna_params(configuration, space))
    assert [spaces.suggest(study.ask(), space) for _ in papers] == [c for _, c in papers]


def test_one_name_with_other_bounds_under_another_condition_has_a_key_of_its_own(task):
    space = spaces.declare_space(task, {"mini_vgg": {}}, {})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(30):
        spaces.suggest(study.ask(), space)
    bounds = {
        key: (distribution.low, distribution.high)
        for trial in study.get_trials(deepcopy=False)
        for key, distribution in trial.distributions.items()
        if key.startswith("training/learning_rate")
    }
    assert bounds == {
        "training/learning_rate if training/optimizer=adam|adamw|rmsprop": (1e-5, 1e-2),
        "training/learning_rate if training/optimizer=sgd": (1e-4, 3e-1),
    }


def test_a_name_declared_twice_under_conditions_that_hold_together_is_refused():
    hp = keras_tuner.HyperParameters()
    hp.Choice("parent", ["x", "y"])
    for values in (["x"], ["x", "y"]):
        with hp.conditional_scope("parent", values):
            hp.Int("child", 1, 3)
    with pytest.raises(SpaceError, match="'child' is declared twice under conditions that hold"):
        spaces.suggest(optuna.trial.FixedTrial({"parent": "x", "child if parent=x": 1}), hp)
