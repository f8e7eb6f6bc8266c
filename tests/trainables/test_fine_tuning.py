from dataclasses import replace

import keras
import numpy as np
import pytest
from trainables_samples import TRANSFER, go_on, make_dataset, make_recipe

import trainables
from neurosweep.errors import ExperimentError, NeurosweepError
from trainables import FineTune
from trainables.assemble import build_core
from trainables.thawing import freeze_below

PLAN = FineTune(epochs=2, patience=2)


@pytest.fixture(scope="module")
def recipe():
    return make_recipe(epochs=2, fine_tune=PLAN)


@pytest.fixture(scope="module")
def trained(recipe, dataset):
    return trainables.fit(recipe, dataset, go_on)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def tuned(recipe, trained, dataset):
    return trainables.fine_tune(recipe, trained.weights, dataset, go_on)


def changed_weights(recipe, before, after):
    """Paths of the weights that differ."""
    core = build_core(recipe, weights=before)
    return {
        weight.path.removeprefix(f"{core.name}/")
        for weight, one, two in zip(core.weights, before, after, strict=True)
        if not np.array_equal(one, two)
    }


def test_only_the_top_block_changes_and_no_batch_norm(recipe, trained, tuned):
    # Identity block 2 and the head, without their batch norms: neither scales nor statistics.
    assert changed_weights(recipe, trained.weights, tuned.weights) == {
        "stage1_block2_conv1/kernel",
        "stage1_block2_conv2/kernel",
        "softmax/kernel",
        "softmax/bias",
    }


def test_figures_of_before_are_those_of_the_trained_weights(trained, tuned):
    assert tuned.before_val_accuracy == trained.val_accuracy
    # What enters the top block is kept in float16.
    assert tuned.before_val_loss == pytest.approx(trained.val_loss, abs=1e-3)


def test_it_goes_on_at_the_plans_constant_rate(tuned):
    assert [record["learning_rate"] for record in tuned.history] == [1e-4, 1e-4]
    assert (tuned.epochs, tuned.stop_reason) == (2, "finished")
    assert tuned.kept_epoch in (1, 2)
    assert tuned.val_loss == tuned.history[tuned.kept_epoch - 1]["val_loss"]


def test_it_can_be_stopped(recipe, trained, dataset):
    tuned = trainables.fine_tune(recipe, trained.weights, dataset, lambda _: False)
    assert (tuned.epochs, tuned.stop_reason) == (1, "stopped")


def test_a_recipe_without_a_plan_is_refused(recipe, trained, dataset):
    with pytest.raises(ExperimentError, match="received one without fine_tune"):
        trainables.fine_tune(replace(recipe, fine_tune=None), trained.weights, dataset, go_on)


def test_a_backbones_last_stage_thaws_and_its_batch_norm_does_not(tmp_path):
    data = make_dataset(size=32, cache=tmp_path)
    recipe = make_recipe(epochs=1, size=32, family=TRANSFER, weights="random", fine_tune=PLAN)
    trained = trainables.fit(recipe, data, go_on)
    tuned = trainables.fine_tune(recipe, trained.weights, data, go_on)
    before = build_core(recipe, weights=trained.weights).get_weights()
    changed = changed_weights(recipe, before, tuned.weights)
    assert "softmax/kernel" in changed
    assert any(path.startswith("Conv_1/") for path in changed)
    assert not any("bn" in path.lower() for path in changed)
    assert len(changed) < len(before) / 2


def test_a_top_block_without_weights_is_refused():
    inputs = keras.Input((2, 2), name="images")
    flat = keras.layers.Flatten(name="flatten")(inputs)
    core = keras.Model(inputs, keras.layers.Dense(2, name="softmax")(flat))
    with pytest.raises(NeurosweepError, match=r"received \['flatten'\]"):
        freeze_below(core, ("flatten",))
