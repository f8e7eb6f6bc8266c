"""Heads trained on cached features: Keras' own numbers, and those of the whole network."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from trainables_samples import CLASSES, TRANSFER, go_on, make_dataset, make_recipe

import trainables
from neurosweep.errors import SpaceError, WeightsError
from trainables.assemble import build_core
from trainables.batches import EpochBatches
from trainables.families import Transfer
from trainables.families.family import Settings
from trainables.features import extraction
from trainables.head_bench import HeadBench, HeadData, _order, head_data
from trainables.optimizers import build_optimizer
from trainables.settings import TrainingSettings

EPOCHS = 4
LENGTH = 512  # of VGG16's features
HEAD = TRANSFER | {"transfer/backbone": "VGG16", "transfer/dropout": 0.0}


@pytest.fixture(scope="module", autouse=True)
def _small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "measuring_batch", lambda _: 8)
        yield


def made_up(views=1, images=50, seed=0):
    """Features of 50 images, not a multiple of the batch size, of unequal classes."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(4, images + 20, p=[0.1, 0.2, 0.3, 0.4])
    means = generator.normal(0, 1, (4, LENGTH))
    train = means[labels[:images]] + generator.normal(0, 2, (views, images, LENGTH))
    validation = means[labels[images:]] + generator.normal(0, 2, (20, LENGTH))
    return HeadData(
        train=train.astype(np.float32),
        train_labels=labels[:images],
        validation=validation.astype(np.float32),
        validation_labels=labels[images:],
    )


def head_recipe(family=None, **settings):
    return make_recipe(
        epochs=EPOCHS, size=32, family=HEAD | (family or {}), weights="random", **settings
    )


class Recorded(keras.callbacks.Callback):
    """Loss and accuracy of each epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append((logs["loss"], logs["accuracy"]))


def by_the_bench(recipe, data):
    """Figures per epoch, first weights, last weights, probabilities."""
    keras.utils.set_random_seed(recipe.seed)
    bench = HeadBench(recipe, data)
    settings = TrainingSettings.read(recipe.configuration)
    first, told = bench.core.get_weights(), Recorded()
    model = bench.compile(settings, steps=EPOCHS * bench.steps(settings))
    bench.run(model, told, settings=settings, seed=recipe.seed, epochs=range(EPOCHS))
    return told.logs, first, bench.core.get_weights(), bench.score()


def by_keras(recipe, data, first, class_weight):
    """The same with Keras' own loop."""
    settings = TrainingSettings.read(recipe.configuration)
    family = Transfer(recipe.task, weights="random")
    head = family.head(Settings("transfer", recipe.configuration))
    head.set_weights(first)
    images = len(data.train_labels)
    steps = EPOCHS * -(-images // settings.batch_size)
    head.compile(
        optimizer=build_optimizer(settings, steps=steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    features = data.train.reshape(-1, LENGTH)
    targets = np.tile(np.eye(4, dtype=np.float32)[data.train_labels], (len(data.train), 1))
    logs = []
    for epoch in range(EPOCHS):
        order = _order(data, seed=recipe.seed, epoch=epoch + 1)
        history = head.fit(
            *(features[order], targets[order]),
            **{"batch_size": settings.batch_size, "shuffle": False, "verbose": 0},
            class_weight=class_weight,
        ).history
        logs.append((history["loss"][0], history["accuracy"][0]))
    return logs, head


@pytest.mark.parametrize(
    ("settings", "family", "views"),
    [
        ({}, {}, 1),
        ({"schedule": "cosine", "label_smoothing": 0.1}, {}, 1),
        ({"optimizer": "adamw", "weight_decay": 1e-2}, {"transfer/fc_layers": 2}, 1),
        ({"optimizer": "adam", "weight_decay": 1e-2}, {"transfer/activation": "gelu"}, 1),
        ({"optimizer": "sgd", "schedule": "cosine"}, {}, 1),
        ({"optimizer": "rmsprop", "learning_rate": 1e-3}, {}, 1),
        ({}, {"transfer/class_weights": "balanced"}, 1),
        ({"label_smoothing": 0.2}, {"transfer/class_weights": "balanced"}, 3),
        ({"batch_size": 64}, {}, 1),
    ],
)
def test_figures_and_weights_are_those_of_keras_fit(settings, family, views):
    recipe = head_recipe(family={"transfer/width_2": 8} | family, **settings)
    data = made_up(views)
    class_weight = None
    if family.get("transfer/class_weights") == "balanced":
        counts = np.bincount(data.train_labels)
        class_weight = {label: 50 / (4 * count) for label, count in enumerate(counts)}
    logs, first, last, score = by_the_bench(recipe, data)
    wanted, head = by_keras(recipe, data, first, class_weight)
    np.testing.assert_allclose(logs, wanted, rtol=1e-5, atol=1e-5)
    for one, other, initial in zip(last, head.get_weights(), first, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert not np.array_equal(one, initial)
    outputs = head.predict(data.validation, verbose=0)
    np.testing.assert_allclose(score.probabilities, outputs, atol=1e-5)


def test_images_come_in_the_order_of_training_on_images():
    data, images = made_up(), make_dataset(images=90)
    batches = EpochBatches(images, images.train, batch_size=16, seed=3, epochs_done=1)
    batches.on_epoch_begin()
    shown = np.concatenate([batches[step][0] for step in range(4)])
    np.testing.assert_array_equal(shown, images.images[_order(data, seed=3, epoch=2)])


def test_an_epoch_shows_each_image_once_and_epochs_show_all_views():
    data = made_up(views=3)
    orders = [_order(data, seed=1, epoch=epoch) for epoch in range(1, 31)]
    for order in orders:
        assert sorted(order % 50) == list(range(50))
    assert len(np.unique(orders)) == 3 * 50
    np.testing.assert_array_equal(orders[4], _order(data, seed=1, epoch=5))


@pytest.mark.parametrize("views", [1, 3])
def test_dropout_draws_the_same_with_the_same_seed(views):
    recipe, data = head_recipe(family={"transfer/dropout": 0.4}), made_up(views)
    one, again = by_the_bench(recipe, data), by_the_bench(recipe, data)
    without = by_the_bench(head_recipe(), data)
    assert one[0] == again[0]
    assert one[0] != without[0]
    for mine, same in zip(one[2], again[2], strict=True):
        np.testing.assert_array_equal(mine, same)
    np.testing.assert_array_equal(one[3].probabilities, again[3].probabilities)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A few images whose last maps have several places."""
    cache = tmp_path_factory.mktemp("cache")
    data = make_dataset(images=80, size=64, cache=cache)
    # Random networks tell dark from light and little else.
    light = np.random.default_rng(1).uniform(0, 1.2, (80, 1, 1, 1))
    pixels = (data.images * light).astype(np.uint8)
    return replace(data, images=pixels, train=np.arange(12), validation=np.arange(60, 68))


def image_recipe(pooling="average", layers=1, **settings):
    family = HEAD | {
        **{"transfer/pooling": pooling, "transfer/fc_layers": layers},
        "transfer/activation": "gelu",  # no unit is dead
        **{f"transfer/width_{step}": 4 + 2 * step for step in range(1, layers + 1)},
    }
    return make_recipe(epochs=2, size=64, family=family, weights="random", **settings)


@pytest.mark.parametrize(
    ("pooling", "layers"), [("average", 1), ("max", 2), ("both", 1), ("both", 3)]
)
def test_the_whole_network_with_the_heads_weights_gives_the_probabilities_of_training(
    images, pooling, layers
):
    recipe = image_recipe(pooling, layers)
    trained = trainables.fit(recipe, images, go_on)
    assert len(trained.weights) == 2 * (layers + 1)
    whole = trainables.evaluate(recipe, trained.weights, images, "validation")
    apart = np.abs(whole.probabilities - trained.validation_probabilities).max()
    assert apart < 1e-3
    assert apart < 0.1 * whole.probabilities.std(axis=0).max()  # it does look at the images
    assert whole.parameters == trained.parameters == build_core(recipe).count_params()


def test_both_poolings_stand_side_by_side_average_first(images):
    average, maximum, both = (
        head_data(image_recipe(pooling), images) for pooling in ("average", "max", "both")
    )
    np.testing.assert_array_equal(both.train[..., :LENGTH], average.train)
    np.testing.assert_array_equal(both.train[..., LENGTH:], maximum.train)
    np.testing.assert_array_equal(
        both.validation, np.concatenate([average.validation, maximum.validation], axis=1)
    )
    assert (maximum.train >= average.train - 1e-3 * maximum.train.max()).all()
    assert (maximum.train > 1.01 * average.train).any()


def test_copies_are_views_of_the_training_images(images):
    augmented = head_data(image_recipe(augmentation=True, copies=2), images)
    plain = head_data(image_recipe(copies=2), images)
    assert augmented.train.shape == (3, 12, LENGTH)
    assert plain.train.shape == (1, 12, LENGTH)
    np.testing.assert_array_equal(augmented.train[0], plain.train[0])
    np.testing.assert_array_equal(augmented.validation, plain.validation)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.allclose(augmented.train[one], augmented.train[other], rtol=1e-2)


def test_augmentation_without_copies_is_refused(images):
    with pytest.raises(SpaceError, match=r"no copies. Set families.transfer.copies to 1"):
        trainables.fit(image_recipe(augmentation=True), images, go_on)


def test_a_recipe_of_other_weights_is_refused(images):
    recipe = replace(image_recipe(), weights_hash="a" * 64)
    with pytest.raises(WeightsError, match="belong to the weights they were computed with"):
        trainables.fit(recipe, images, go_on)


def test_features_in_the_cache_are_not_computed_again(images, monkeypatch):
    first = trainables.fit(image_recipe(), images, go_on)

    def refuse(_):
        raise AssertionError("the backbone is not needed")

    monkeypatch.setattr("trainables.features.cached.extraction_of", refuse)
    again = trainables.fit(image_recipe(), images, go_on)
    for one, other in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_cache_that_was_filled_just_now_leaves_no_trace_in_the_figures(images, tmp_path):
    recipe = image_recipe()
    warm = trainables.fit(recipe, images, go_on)
    cold = trainables.fit(recipe, replace(images, cache=tmp_path), go_on)
    for one, other in zip(warm.weights, cold.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_classes_without_images_weigh_nothing_and_break_nothing():
    data = made_up()
    labels = np.where(data.train_labels == 3, 2, data.train_labels)
    recipe = head_recipe(family={"transfer/class_weights": "balanced"})
    logs, *_ = by_the_bench(recipe, replace(data, train_labels=labels))
    assert np.isfinite(logs).all()
    assert len(CLASSES) == 4
