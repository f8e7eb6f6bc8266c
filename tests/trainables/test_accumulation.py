"""A step in two parts is the step of the whole batch."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from trainables_samples import go_on, make_dataset, make_recipe

from neurosweep.errors import ExperimentError
from trainables import FineTune, Recipe, fine_tune, fit
from trainables.accumulation import trained_model

VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 2,
    "mini_vgg/convs": 1,
    "mini_vgg/filters_1": 8,
    "mini_vgg/filters_2": 8,
    "mini_vgg/hidden_width_1": 16,
    "mini_vgg/hidden_width_2": 16,
    "mini_vgg/dropout": 0.0,
    "mini_vgg/batch_norm": False,
}


def close(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("images", [1, 2, 5, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_step_in_parts_is_one_step_of_the_whole_batch(images, weighted):
    generator = np.random.default_rng(0)
    pixels = generator.normal(size=(images, 6)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[generator.integers(0, 3, images)]
    weights = generator.uniform(0.5, 2.0, images).astype(np.float32) if weighted else None
    weights_after, figures = [], []
    for parts in (1, 2, 3):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(5, activation="relu")(inputs)
        outputs = keras.layers.Dense(3, activation="softmax")(hidden)
        model = trained_model(inputs, outputs, name="one", parts=parts)
        rates = keras.optimizers.SGD(0.5)
        model.compile(rates, "categorical_crossentropy", metrics=["accuracy"])
        figures.append(model.train_on_batch(pixels, targets, sample_weight=weights))
        weights_after.append(model.get_weights())
    close(weights_after[1], weights_after[0])
    close(weights_after[2], weights_after[0])
    np.testing.assert_allclose(figures[1:], [figures[0]] * 2, rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1, "optimizer": "sgd"}])
def test_a_trial_in_parts_comes_to_what_it_comes_to_in_whole_batches(settings):
    recipe, dataset = make_recipe(family=VGG, **settings), make_dataset()
    whole = fit(recipe, dataset, go_on)
    halves = fit(replace(recipe, accumulation=2), dataset, go_on)
    again = fit(replace(recipe, accumulation=2), dataset, go_on)
    close(halves.weights, whole.weights)
    for ours, theirs in zip(halves.history, whole.history, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3)
    np.testing.assert_array_equal(halves.validation_probabilities, again.validation_probabilities)


def test_batch_norm_sees_parts_and_the_trial_learns_all_the_same():
    recipe, dataset = make_recipe(), make_dataset()
    whole = fit(recipe, dataset, go_on)
    halves = fit(replace(recipe, accumulation=2), dataset, go_on)
    assert not np.allclose(halves.validation_probabilities, whole.validation_probabilities)
    assert halves.history[-1]["loss"] < halves.history[0]["loss"]


@pytest.mark.parametrize("cache", ["none", "float32"])
def test_fine_tuning_in_parts_comes_to_what_it_comes_to_in_whole_batches(cache, tmp_path):
    recipe, dataset = make_recipe(), make_dataset(cache=tmp_path)
    trained = fit(recipe, dataset, go_on)
    plan = FineTune(epochs=2, patience=2, learning_rate=1e-3, cache=cache)
    whole, halves = (
        fine_tune(
            replace(recipe, fine_tune=replace(plan, accumulation=parts)),
            trained.weights,
            dataset,
            go_on,
        )
        for parts in (1, 2)
    )
    assert halves.cache == cache
    close(halves.weights, whole.weights)


def test_half_precision_scales_its_loss_in_parts_too():
    pixels, targets = np.ones((4, 6), np.float32), np.zeros((4, 3), np.float32)
    after = []
    for parts, initial_scale in ((1, None), (2, 8.0)):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6,))
        model = trained_model(inputs, keras.layers.Dense(3)(inputs), name="one", parts=parts)
        optimizer = keras.optimizers.SGD(0.1)
        if initial_scale is not None:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=initial_scale)
        model.compile(optimizer, "mse")
        model.train_on_batch(pixels, targets)
        after.append(model.get_weights())
    close(*after)


def test_the_parts_stand_in_the_recipe_and_are_counted_from_one():
    recipe = replace(make_recipe(), accumulation=2)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    earlier = {k: v for k, v in make_recipe().to_dict().items() if k != "accumulation"}
    assert Recipe.from_dict(earlier) == make_recipe()
    with pytest.raises(ExperimentError, match="accumulation is a whole number of at least 1"):
        replace(recipe, accumulation=0)
    with pytest.raises(ExperimentError, match=r"fine_tune\.accumulation is a whole number"):
        FineTune(epochs=1, patience=1, accumulation=0)
