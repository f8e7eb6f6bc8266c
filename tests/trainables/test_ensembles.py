"""Ensembles: what may be one, and that the one published network says what its parts say."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import yaml
from trainables_samples import CLASSES, RESNET, make_dataset, make_recipe

import trainables
from neurosweep.errors import DataError, ExperimentError
from reports.architecture import read_architecture
from trainables import (
    Ensemble,
    Member,
    Statistics,
    ensemble_latency,
    export_ensemble,
    export_winner,
    load_winner,
    predict,
    read_config,
    weighted_mean,
)
from trainables.assemble import build_core

# Keras 3.15 saves its variables through an __array__ that NumPy 2 calls outdated.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras"
)

VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 2,
    "mini_vgg/convs": 1,
    "mini_vgg/filters_1": 8,
    "mini_vgg/filters_2": 8,
    "mini_vgg/hidden_width_1": 8,
    "mini_vgg/hidden_width_2": 8,
    "mini_vgg/dropout": 0.3,
    "mini_vgg/batch_norm": True,
}
RECIPES = (
    make_recipe(),
    make_recipe(family=VGG, size=24, channels=3, seed=1),
    make_recipe(seed=2),  # a second one of the same family and size
)
STATISTICS = (
    Statistics(mean=(90.5,), std=(60.25,)),
    Statistics(mean=(90.5, 80.0, 70.0), std=(60.0, 50.0, 40.0)),
    Statistics(mean=(90.5,), std=(60.25,)),
)
SHARES = (0.5, 0.3, 0.2)


def ensemble_of(recipes=RECIPES, shares=SHARES):
    pairs = enumerate(zip(recipes, shares, strict=True))
    return Ensemble(
        tuple(Member(trial_id=f"t{n}", weight=share, recipe=recipe) for n, (recipe, share) in pairs)
    )


def weights_of(recipe, seed):
    """Arbitrary weights."""
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    return [
        each + 0.1 * np.abs(generator.standard_normal(each.shape)).astype(each.dtype)
        for each in build_core(recipe).get_weights()
    ]


@pytest.fixture(scope="module")
def trained():
    return [weights_of(recipe, seed) for seed, recipe in enumerate(RECIPES)]


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    scores = {"fitted_val_accuracy": 0.5}
    export_ensemble(ensemble_of(), trained, STATISTICS, folder, scores=scores)
    return folder


def photo(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_published_network_says_the_weighted_mean_of_its_parts(exported, trained, tmp_path):
    photos = [photo(40, 56), photo(101, 67, 1), photo(9, 12, 2)]
    together = predict(load_winner(exported), photos)
    parts = []
    for number, (recipe, own, of) in enumerate(zip(RECIPES, trained, STATISTICS, strict=True)):
        folder = tmp_path / str(number)
        export_winner(recipe, own, of, folder)
        parts.append(predict(load_winner(folder), photos))
    expected = sum(share * part for share, part in zip(SHARES, parts, strict=True))
    assert np.ptp(np.stack(parts), axis=0).max() > 0.01  # they do not all say the same
    np.testing.assert_allclose(together, expected, atol=1e-5)
    np.testing.assert_allclose(weighted_mean(parts, SHARES), expected, atol=1e-6)


def test_it_is_one_model_of_stock_layers_in_float32(exported):
    model = keras.saving.load_model(exported / "model.keras", safe_mode=True)
    layers = list(model._flatten_layers())
    assert {type(layer).__module__.split(".")[0] for layer in layers} == {"keras"}
    assert {layer.dtype_policy.name for layer in layers} == {"float32"}
    assert (model.input.shape, str(model.input.dtype)) == ((None, None, None, 3), "uint8")
    assert np.array_equal(model(photo(40, 30)[None]), model(photo(40, 30)[None], training=False))


def test_its_layers_are_its_members_and_their_mean(exported):
    told = read_architecture(exported / "architecture.json")
    assert (told.name, told.trial_id) == ("ensemble", None)
    layers = {layer.name: layer for layer in told.layers}
    assert set(layers["mean"].inbound) == {"weight_1", "weight_2", "weight_3"}
    assert layers["member_2"].inbound == ("images",)
    parts = [int(build_core(recipe).count_params()) for recipe in RECIPES]
    assert [layers[f"member_{n}"].parameters for n in (1, 2, 3)] == parts
    assert told.parameters == sum(parts)


def test_its_configuration_has_the_members_recipes_and_weights(exported):
    assert read_config(exported / "config.yaml") == (ensemble_of(), {"fitted_val_accuracy": 0.5})
    config = yaml.safe_load((exported / "config.yaml").read_text())
    assert config["classes"] == list(CLASSES)
    assert [len(one["mean"]) for one in config["statistics"]] == [1, 3, 1]
    assert load_winner(exported).classes == CLASSES


def test_a_configuration_names_weights_as_the_user_did(trained, tmp_path):
    told = ensemble_of().with_recipes([replace(one, weights="s3://bucket") for one in RECIPES])
    export_ensemble(ensemble_of(), trained, STATISTICS, tmp_path, recorded=told)
    assert read_config(tmp_path / "config.yaml")[0] == told


def test_one_image_takes_longer_through_all_than_through_one(trained):
    trainables.start(trainables.Runtime(threads=1))
    data = [make_dataset(), make_dataset(size=24, channels=3), make_dataset()]
    alone = trainables.latency(RECIPES[1], trained[1], data[1])
    together = ensemble_latency(ensemble_of(), trained, data)
    assert together.one.p95 >= together.one.median > 0.8 * alone > 0
    assert together.batch.median > together.one.median
    assert together.device.endswith("1 thread")
    with pytest.raises(DataError, match="The recipe is for images of"):
        ensemble_latency(ensemble_of(), trained, data[:2][::-1] + data[2:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told[:1], "at least 2 members, each once; received .'t0'."),
        (lambda told: [told[0], told[0]], "at least 2 members, each once"),
        (lambda told: told[:2], "come to 1; received .0.5, 0.3."),
        (lambda told: {"members": told}, "is a list of members; received dict"),
        (lambda told: [*told[:2], "t2"], "has the keys .*; received str"),
        (lambda told: [*told[:2], {"trial_id": "t2"}], r"received \['trial_id'\]"),
        (
            lambda told: [*told[:2], {**told[2], "weight": "0.2"}],
            "weight is a number; received '0.2'",
        ),
        (lambda told: [*told[:2], {**told[2], "weight": float("nan")}], "come to 1; received"),
        (lambda told: [*told[:2], {**told[2], "weight": -0.2}], "above 0 and come to 1"),
        (lambda told: [*told[:2], {**told[2], "recipe": {}}], "recipe has the keys"),
    ],
)
def test_what_is_no_ensemble_is_refused(change, message):
    told = ensemble_of().to_list()
    assert Ensemble.from_list(told) == ensemble_of()
    with pytest.raises(ExperimentError, match=message):
        Ensemble.from_list(change(told))


def test_members_know_the_same_classes():
    other = make_recipe(family=RESNET)
    other = replace(other, task=replace(other.task, classes=("a", "b")))
    with pytest.raises(ExperimentError, match="know the same classes"):
        ensemble_of(recipes=(RECIPES[0], other, RECIPES[2]))
