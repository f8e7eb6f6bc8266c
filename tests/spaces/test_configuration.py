import pytest

import spaces
from neurosweep.errors import SpaceError


@pytest.fixture
def space(task):
    return spaces.declare_space(task, {"mini_vgg": {}, "mini_resnet": {}}, {})


@pytest.fixture
def configuration(space, task):
    return dict(spaces.paper_configurations(space, task, ["mini_vgg"])[0][1])


def test_a_papers_configuration_is_valid(configuration, space):
    spaces.validate(configuration, space)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mini_vgg/blocks": None}, "needs a value for 'mini_vgg/blocks' .2 to 5., received none"),
        ({"mini_vgg/blocks": 9}, "'mini_vgg/blocks' can be 2 to 5, received 9"),
        ({"mini_vgg/batch_norm": 1}, "'mini_vgg/batch_norm' can be False, True, received 1"),
        ({"mini_vgg/depth": 3}, r"received 'mini_vgg/depth'\. Did you mean"),
        ({"mini_resnet/stages": 1}, "'mini_resnet/stages', whose condition does not hold"),
        ({"family": "transfer"}, "'family' can be mini_vgg, mini_resnet, received 'transfer'"),
    ],
)
def test_a_configuration_outside_the_space_is_refused(configuration, space, change, message):
    configuration |= change
    kept = {name: value for name, value in configuration.items() if value is not None}
    for use in (spaces.validate, spaces.hyperparameters, spaces.optuna_params):
        with pytest.raises(SpaceError, match=message):
            use(kept, space)


def test_values_are_set_on_a_copy(configuration, space):
    hp = spaces.hyperparameters(configuration, space)
    assert hp.get("mini_vgg/filters_3") == 256
    hp.values["family"] = "other"
    assert space.get("family") == "mini_vgg"
    assert configuration["family"] == "mini_vgg"
