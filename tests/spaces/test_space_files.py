import json

import keras_tuner
import pytest
from hypothesis import HealthCheck, given, settings
from space_strategies import foreign_spaces, joint_spaces

import spaces
from neurosweep.errors import SpaceError

slow = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@slow
@given(joint=joint_spaces())
def test_a_joint_space_survives_get_config_and_a_file(joint, tmp_path):
    check_round_trips(joint[1], tmp_path / "space.json")


@slow
@given(space=foreign_spaces())
def test_a_foreign_space_survives_get_config_and_a_file(space, tmp_path):
    check_round_trips(space, tmp_path / "space.json")


def check_round_trips(space, path):
    config = space.get_config()
    copied = keras_tuner.HyperParameters.from_config(space.get_config())
    assert copied.get_config() == config
    spaces.save_space(space, path)
    loaded = spaces.load_space(path)
    assert loaded.get_config() == config
    assert spaces.describe(loaded) == spaces.describe(space)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"space": [{}], "values": {}}'])
def test_a_file_that_holds_no_space_is_refused(content, tmp_path):
    path = tmp_path / "space.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SpaceError, match=r"file that save_space wrote, received .*space\.json"):
        spaces.load_space(path)


def test_rows_of_a_description_are_json(task):
    rows = spaces.describe(spaces.declare_space(task, {name: {} for name in spaces.FAMILIES}, {}))
    assert json.loads(json.dumps(rows)) == rows
    assert set(rows[0]) == {"name", "kind", "range", "condition", "default"}
