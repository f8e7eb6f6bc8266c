"""What winner/architecture.json says of a network, against the network."""

import json
from dataclasses import replace

import pytest
from trainables_samples import RESNET, TRANSFER, make_recipe

from trainables import FineTune, Statistics, export_winner
from trainables.architecture import describe_network
from trainables.assemble import build_core, build_family


def described(*, tuned=False, depth=1.0, **options):
    recipe = make_recipe(**options)
    if tuned:
        recipe = replace(recipe, fine_tune=FineTune(epochs=1, patience=1, depth=depth))
    core = build_core(recipe)
    return recipe, core, describe_network(recipe, core)


@pytest.mark.parametrize(
    "options",
    [{"family": RESNET}, {"family": TRANSFER, "size": 32, "weights": "random", "channels": 1}],
)
def test_layers_shapes_weights_and_edges_are_the_networks(options):
    _, core, told = described(**options)
    assert told["parameters"] == core.count_params()
    assert sum(layer["parameters"] for layer in told["layers"]) == core.count_params()
    assert [layer["name"] for layer in told["layers"]] == [one.name for one in core.operations]
    for layer in core.layers:
        (own,) = (one for one in told["layers"] if one["name"] == layer.name)
        assert own["class"] == type(layer).__name__
        assert tuple(own["output_shape"]) == layer.output.shape[1:]
        assert own["parameters"] == layer.count_params()
    seen = set()
    for layer in told["layers"]:
        assert set(layer["inbound"]) <= seen
        assert layer["inbound"] or layer["class"] == "InputLayer"
        seen.add(layer["name"])


def trained(told):
    return {layer["name"] for layer in told["layers"] if layer["trainable"]}


def test_of_a_frozen_backbone_the_head_alone_learned():
    recipe, core, told = described(family=TRANSFER, size=32, weights="random")
    head = build_family(recipe, pretrained=False).head_layers(core)
    assert trained(told) == set(head)


def test_fine_tuning_adds_the_top_block_without_its_batch_norm():
    options = {"family": TRANSFER, "size": 32, "weights": "random"}
    recipe, core, told = described(tuned=True, **options)
    kinds = {layer["name"]: layer["class"] for layer in told["layers"]}
    top = build_family(recipe, pretrained=False).top_block(core)
    assert trained(told) == {name for name in top if kinds[name] != "BatchNormalization"}
    _, _, deeper = described(tuned=True, depth=3.0, **options)
    assert trained(told) < trained(deeper)


def test_of_a_custom_network_all_weights_learned():
    _, _, told = described(family=RESNET)
    weighted = {layer["name"] for layer in told["layers"] if layer["parameters"]}
    assert trained(told) == weighted


def test_the_winners_folder_says_whose_network_it_is(tmp_path):
    recipe, core, told = described(family=RESNET)
    statistics = Statistics(mean=(90.5,), std=(60.25,))
    scores = {"trial_id": "t0004"}
    export_winner(recipe, core.get_weights(), statistics, tmp_path, scores=scores)
    written = json.loads((tmp_path / "architecture.json").read_text())
    assert written == {**told, "trial_id": "t0004"}
