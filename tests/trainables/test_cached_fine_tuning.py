"""Fine-tuning on the cached output of the frozen part is fine-tuning of the whole network."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainables_samples import CLASSES, RESNET, TRANSFER, go_on, make_dataset, make_recipe

import trainables
from neurosweep.errors import ExperimentError, NeurosweepError
from scans.caches import decoded
from trainables import FineTune, fine_tuning
from trainables.assemble import Statistics, build_core, build_family, build_measured
from trainables.features import tidying
from trainables.graph import cut_below, split_at
from trainables.thawing import freeze_below, thawed
from trainables.top_bench import LowerPart

PLAIN_CNN = {
    "family": "plain_cnn",
    "plain_cnn/blocks": 3,
    **{f"plain_cnn/filters_{step}": 8 for step in (1, 2, 3)},
    **{f"plain_cnn/kernel_{step}": 3 for step in (1, 2, 3)},
    **{f"plain_cnn/stride_{step}": 1 for step in (1, 2, 3)},
    **{f"plain_cnn/pool_{step}": "max" for step in (1, 2, 3)},
    "plain_cnn/fc_layers": 2,
    "plain_cnn/fc_width_1": 16,
    "plain_cnn/fc_width_2": 16,
    "plain_cnn/dropout": 0.5,
}
MINI_VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 3,
    "mini_vgg/convs": 2,
    **{f"mini_vgg/filters_{step}": 8 for step in (1, 2, 3)},
    "mini_vgg/hidden_width_1": 16,
    "mini_vgg/hidden_width_2": 16,
    "mini_vgg/dropout": 0.0,
    "mini_vgg/batch_norm": True,
}
NETWORKS = {
    "plain_cnn": (PLAIN_CNN, 16),
    "mini_vgg": (MINI_VGG, 16),
    "mini_resnet": (RESNET, 16),
    **{
        name: (TRANSFER | {"transfer/backbone": name}, 32)
        for name in ("MobileNetV2", "EfficientNetB0", "ConvNeXtTiny")
    },
}


def recipe_of(name, **plan):
    family, size = NETWORKS[name]
    weights = "random" if family["family"] == "transfer" else "none"
    tuned = FineTune(epochs=2, patience=2, **plan)
    return make_recipe(family=family, size=size, weights=weights, fine_tune=tuned)


def lively(core, recipe, dataset):
    """Statistics of its own images, so that untrained networks do not give nearly nothing."""
    measured = build_measured(recipe, core, Statistics.of(dataset))
    norms = [one for one in core.layers if isinstance(one, keras.layers.BatchNormalization)]
    momenta = [one.momentum for one in norms]
    for one in norms:
        one.trainable, one.momentum = True, 0.0
    measured(dataset.images, training=True)
    for one, momentum in zip(norms, momenta, strict=True):
        one.momentum = momentum
    # Logits of the size that trained networks have, not of some dozens.
    outputs = np.log(np.asarray(measured(dataset.images, training=False)))
    kernel = core.get_layer("softmax").kernel
    kernel.assign(kernel / max(1.0, float(np.std(outputs))))
    return core.get_weights()


@pytest.fixture(params=NETWORKS)
def network(request, tmp_path):
    """A recipe, a data set, and a whole network's weights."""
    recipe = recipe_of(request.param)
    dataset = make_dataset(size=recipe.task.image_size, cache=tmp_path)
    keras.utils.set_random_seed(1)
    core = build_core(recipe)
    yield recipe, dataset, lively(core, recipe, dataset)
    keras.backend.clear_session()


def prepared(recipe, dataset, weights, precision):
    """The whole core, frozen below, its upper part, and the cached rows."""
    core = build_core(recipe, weights=weights)
    names = thawed(core, build_family(recipe, pretrained=False).top_block(core), 1.0)
    position = cut_below(core, names)
    lower = LowerPart(recipe, core, dataset, position, precision=precision)
    lower.compute(lower.missing())
    freeze_below(core, names)
    whole = build_measured(recipe, core, Statistics.of(dataset))
    return core, split_at(core, position)[1], whole, lower.store


def test_before_training_the_logits_are_the_full_networks(network):
    recipe, dataset, weights = network
    _, upper, whole, store = prepared(recipe, dataset, weights, "float16")
    rows = dataset.validation
    ours = np.log(np.asarray(upper(store.read(rows), training=False)))
    full = np.log(np.asarray(whole(dataset.images[rows], training=False)))
    assert full.std(axis=0).max() > 1e-3  # images do differ
    np.testing.assert_allclose(ours, full, atol=1e-2)


def test_the_first_steps_gradients_are_the_full_networks(network):
    recipe, dataset, weights = network
    core, upper, whole, store = prepared(recipe, dataset, weights, "float32")
    rows = dataset.train[:16]
    targets = np.eye(len(CLASSES), dtype=np.float32)[dataset.labels[rows]]
    gradients = []
    for model, inputs in ((upper, store.read(rows)), (whole, dataset.images[rows])):
        keras.utils.set_random_seed(3)
        for one in core.layers:  # dropout of the head, the same in both
            if isinstance(one, keras.layers.Dropout):
                one.seed_generator.state.assign([7, 7])
        with tf.GradientTape() as tape:
            outputs = model(tf.constant(inputs), training=True)
            loss = keras.losses.CategoricalCrossentropy()(targets, outputs)
        gradients.append(tape.gradient(loss, core.trainable_variables))
    for ours, full in zip(*gradients, strict=True):
        scale = np.abs(full).max()
        assert scale > 0
        np.testing.assert_allclose(np.asarray(ours) / scale, np.asarray(full) / scale, atol=1e-3)


@pytest.mark.parametrize("name", ["plain_cnn", "mini_resnet", "MobileNetV2"])
def test_a_whole_fine_tuning_comes_to_the_same(name, tmp_path):
    results = {}
    dataset = make_dataset(size=recipe_of(name).task.image_size, cache=tmp_path)
    keras.utils.set_random_seed(1)
    weights = build_core(recipe_of(name)).get_weights()
    for cache in ("none", "float16", "float32"):
        recipe = recipe_of(name, cache=cache)
        results[cache] = trainables.fine_tune(recipe, weights, dataset, go_on)
        assert results[cache].cache == cache
        assert len(results[cache].weights) == len(weights)
    for cache in ("float16", "float32"):
        for ours, full in zip(results[cache].history, results["none"].history, strict=True):
            assert ours["loss"] == pytest.approx(full["loss"], abs=2e-3)
            assert ours["val_loss"] == pytest.approx(full["val_loss"], abs=2e-3)


def test_the_frozen_part_runs_once_however_often_it_is_tuned(tmp_path, monkeypatch):
    recipe = recipe_of("mini_resnet")
    dataset = make_dataset(cache=tmp_path)
    weights = build_core(recipe).get_weights()
    first = trainables.fine_tune(recipe, weights, dataset, go_on)

    def computed_again(*_, **__):
        raise AssertionError("the frozen part ran again")

    monkeypatch.setattr(fine_tuning.LowerPart, "_extraction", computed_again)
    other = replace(recipe, fine_tune=replace(recipe.fine_tune, learning_rate=1e-3))
    second = trainables.fine_tune(other, weights, dataset, go_on)
    assert first.cache == second.cache == "float16"
    assert first.before_val_loss == second.before_val_loss
    assert first.val_loss != second.val_loss


def test_classes_count_in_fine_tuning_as_they_did_in_the_heads_training(tmp_path):
    losses = {}
    dataset = make_dataset(size=32, cache=tmp_path)
    rare = np.flatnonzero(dataset.labels[dataset.train] == 0)[2:]
    dataset = replace(dataset, train=np.delete(dataset.train, rare))
    recipe = recipe_of("MobileNetV2")
    keras.utils.set_random_seed(1)
    weights = lively(build_core(recipe), recipe, dataset)
    for cache in ("none", "float16"):
        for kind in ("none", "balanced"):
            recipe = recipe_of("MobileNetV2", cache=cache)
            told = {**recipe.configuration, "transfer/class_weights": kind}
            tuned = trainables.fine_tune(
                replace(recipe, configuration=told), weights, dataset, go_on
            )
            losses[cache, kind] = tuned.history[0]["loss"]
    for kind in ("none", "balanced"):
        # Lively features make a float16 step of them visible; weights that were left out would
        # show in the first digit.
        assert losses["none", kind] == pytest.approx(losses["float16", kind], abs=1e-2)
    assert abs(losses["none", "none"] - losses["none", "balanced"]) > 1e-3


def test_other_weights_below_never_meet_the_old_output(tmp_path):
    recipe = recipe_of("mini_resnet")
    dataset = make_dataset(cache=tmp_path)
    core = build_core(recipe)
    weights = core.get_weights()
    trainables.fine_tune(recipe, weights, dataset, go_on)
    changed = [weights[0] * 1.5, *weights[1:]]
    cached = trainables.fine_tune(recipe, changed, dataset, go_on)
    plain = replace(recipe, fine_tune=replace(recipe.fine_tune, cache="none"))
    whole = trainables.fine_tune(plain, changed, dataset, go_on)
    assert cached.before_val_loss == pytest.approx(whole.before_val_loss, abs=1e-3)
    assert len(list((tmp_path / "features").glob("*/values.npy"))) == 2


def test_augmented_images_go_through_the_whole_network(tmp_path):
    recipe = make_recipe(
        fine_tune=FineTune(epochs=1, patience=1), augmentation=True, augmentation_strength=0.5
    )
    dataset = make_dataset(cache=tmp_path)
    weights = build_core(recipe).get_weights()
    assert trainables.fine_tune(recipe, weights, dataset, go_on).cache == "none"
    told = replace(recipe, fine_tune=replace(recipe.fine_tune, cache="float16"))
    with pytest.raises(ExperimentError, match="where images do not change"):
        trainables.fine_tune(told, weights, dataset, go_on)


def test_a_disk_without_room_for_it_leaves_it_out(tmp_path, monkeypatch):
    recipe = recipe_of("mini_resnet")
    dataset = make_dataset(cache=tmp_path)
    weights = build_core(recipe).get_weights()
    monkeypatch.setattr(fine_tuning, "free_bytes", lambda _: 10_000)
    assert trainables.fine_tune(recipe, weights, dataset, go_on).cache == "none"
    assert decoded.free_bytes(tmp_path) > 10_000


def test_a_replay_without_room_says_so_before_anything_is_computed(tmp_path, monkeypatch):
    recipe = recipe_of("mini_resnet", cache="float16")
    dataset = make_dataset(cache=tmp_path)
    weights = build_core(recipe).get_weights()
    monkeypatch.setattr(fine_tuning, "free_bytes", lambda _: 10_000)
    with pytest.raises(NeurosweepError, match=r"this needs \d[\d,]+ bytes .* 10,000 are free"):
        trainables.fine_tune(recipe, weights, dataset, go_on)
    assert not list(tmp_path.glob("features/*/values.npy"))
    monkeypatch.undo()
    trainables.fine_tune(recipe, weights, dataset, go_on)
    monkeypatch.setattr(fine_tuning, "free_bytes", lambda _: 0)
    assert trainables.fine_tune(recipe, weights, dataset, go_on).cache == "float16"  # it is here


def test_what_earlier_trials_left_makes_room_for_the_next(tmp_path, monkeypatch):
    recipe = recipe_of("mini_resnet")
    dataset = make_dataset(cache=tmp_path)
    weights = build_core(recipe).get_weights()
    monkeypatch.setattr(tidying, "MOST_BYTES", 1)
    for scale in (1.0, 1.5, 2.0):
        changed = [weights[0] * scale, *weights[1:]]
        assert trainables.fine_tune(recipe, changed, dataset, go_on).cache == "float16"
        assert len(list(tmp_path.glob("features/*/values.npy"))) == 1


def test_a_heads_weights_are_enough_to_begin_with(tmp_path):
    recipe = recipe_of("MobileNetV2")
    dataset = make_dataset(size=32, cache=tmp_path)
    trained = trainables.fit(replace(recipe, fine_tune=None), dataset, go_on)
    tuned = trainables.fine_tune(recipe, trained.weights, dataset, go_on)
    assert tuned.before_val_loss == pytest.approx(trained.val_loss, abs=1e-3)
    assert tuned.before_val_accuracy == trained.val_accuracy
    again = trainables.evaluate(recipe, tuned.weights, dataset, "validation")
    np.testing.assert_allclose(
        again.probabilities, tuned.validation_probabilities, atol=1e-3, rtol=0
    )
