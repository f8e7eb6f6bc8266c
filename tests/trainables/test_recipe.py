import json
from dataclasses import replace

import pytest
from trainables_samples import make_recipe

from neurosweep.errors import ExperimentError
from trainables import FineTune, Recipe

FULL = {"stop_epoch": 2, "weights": "random", "fine_tune": FineTune(epochs=4, patience=2)}


@pytest.mark.parametrize("options", [{}, FULL], ids=["least", "full"])
def test_a_recipe_survives_json(options):
    recipe = make_recipe(**options)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_family_is_the_configurations():
    assert make_recipe().family == "mini_resnet"


def test_an_unknown_key_is_refused_by_name():
    with pytest.raises(ExperimentError, match=r"unknown \['epoch'\]"):
        Recipe.from_dict({**make_recipe().to_dict(), "epoch": 3})


def test_a_missing_key_is_refused_by_name():
    plain = make_recipe().to_dict()
    del plain["seed"]
    with pytest.raises(ExperimentError, match=r"missing \['seed'\]"):
        Recipe.from_dict(plain)


def test_a_configuration_of_an_earlier_version_is_refused_by_name():
    plain = make_recipe().to_dict()
    plain["configuration"] = {"family": "transfer", "transfer/width": 256}
    with pytest.raises(ExperimentError, match="'transfer/width': it was recorded by an earlier"):
        Recipe.from_dict(plain)


@pytest.mark.parametrize("part", ["task", "fine_tune"])
def test_unknown_keys_of_parts_are_refused(part):
    plain = make_recipe(**FULL).to_dict()
    plain[part]["colour"] = "grey"
    with pytest.raises(ExperimentError, match=rf"recipe\.{part} .*unknown \['colour'\]"):
        Recipe.from_dict(plain)


def test_a_part_that_is_no_mapping_is_refused():
    with pytest.raises(ExperimentError, match="received list"):
        Recipe.from_dict({**make_recipe().to_dict(), "task": []})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is a whole number of at least 1; received 0"),
        ({"epochs": True}, "received True"),
        ({"epochs": 2.5}, "received 2.5"),
        ({"seed": -1}, "seed is a whole number of at least 0; received -1"),
        ({"stop_epoch": 4}, r"between 1 and the allowed epochs \(3\); received 4"),
        ({"stop_epoch": 0}, "received 0"),
        ({"configuration": {}}, "names its family"),
    ],
)
def test_values_out_of_bounds_are_refused(change, message):
    with pytest.raises(ExperimentError, match=message):
        replace(make_recipe(), **change)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0, "patience": 1}, r"fine_tune\.epochs"),
        ({"epochs": 1, "patience": 0}, r"fine_tune\.patience"),
        ({"epochs": 1, "patience": 1, "learning_rate": 0.0}, "received 0.0"),
    ],
)
def test_fine_tuning_out_of_bounds_is_refused(options, message):
    with pytest.raises(ExperimentError, match=message):
        FineTune(**options)
