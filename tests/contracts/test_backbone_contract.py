"""What every backbone's record promises, checked on a network that is built once for all checks.

Each is built with random weights at the smallest image it takes, as a trial would build it, with
colour images so that the pixels that reach it can be compared with Keras' own.
"""

from importlib import import_module

import keras
import numpy as np
import pytest

from spaces import BACKBONES, Task
from trainables import Recipe
from trainables.assemble import build_core, build_family
from trainables.fine_tuning import freeze_below

HEAD = ("head_fc1", "softmax")


class Built:
    """A backbone with a narrow head, and what its family says of it."""

    def __init__(self, name):
        self.record = BACKBONES[name]
        size = self.record.minimum_size
        configuration = {
            "family": "transfer",
            "transfer/backbone": name,
            "transfer/pooling": "average",
            "transfer/dropout": 0.0,
            "transfer/fc_layers": 1,
            "transfer/width_1": 8,
            "transfer/class_weights": "none",
            "transfer/activation": "gelu",  # no unit is dead, so every gradient gets through
        }
        task = Task(image_size=size, channels=3, classes=("a", "b", "c"))
        recipe = Recipe(configuration=configuration, task=task, epochs=1, seed=0, weights="random")
        keras.utils.set_random_seed(0)
        self.core = build_core(recipe)
        self.top_block = build_family(recipe, pretrained=False).top_block(self.core)
        generator = np.random.default_rng(0)
        self.pixels = generator.integers(0, 256, (2, size, size, 3)).astype(np.float32)

    def weights(self):
        return {weight.path: np.copy(weight) for weight in self.core.weights}


@pytest.fixture(scope="module", params=BACKBONES)
def built(request):
    yield Built(request.param)
    keras.backend.clear_session()


def is_batch_norm(layer):
    return isinstance(layer, keras.layers.BatchNormalization)


def test_pixels_reach_it_as_keras_own_preprocessing_gives_them(built):
    module, _, function = built.record.preprocess.rpartition(".")
    wanted = getattr(import_module(module), function)(built.pixels.copy())
    names = [layer.name for layer in built.core.layers]
    if built.record.scaling == "inside":
        assert "input_scaling" not in names
        got = built.pixels
    else:
        scaled = built.core.get_layer("input_scaling").output
        got = np.asarray(keras.Model(built.core.input, scaled)(built.pixels))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_its_maps_have_the_channels_of_the_record(built):
    assert built.core.get_layer("head_pool").input.shape[-1] == built.record.feature_length


def test_the_top_block_begins_at_the_records_layer_and_is_neither_empty_nor_everything(built):
    names = [layer.name for layer in built.core.layers]
    weighted = [layer.name for layer in built.core.layers if layer.weights]
    start = names.index(built.record.top_block_start)
    assert [name for name in weighted if names.index(name) >= start] == list(built.top_block)
    of_backbone = set(built.top_block) - set(HEAD)
    assert len(of_backbone) == len(built.top_block) - len(HEAD) > 0
    assert len(of_backbone) < len(weighted) / 2


def test_it_is_frozen_but_for_the_head(built):
    own = {weight.path for name in HEAD for weight in built.core.get_layer(name).weights}
    assert {weight.path for weight in built.core.trainable_weights} == own


def test_a_step_of_fine_tuning_moves_the_top_block_and_nothing_else(built):
    freeze_below(built.core, built.top_block)
    thawed = {layer.name for layer in built.core.layers if layer.trainable_weights}
    layers = [built.core.get_layer(name) for name in built.top_block]
    wanted = [layer for layer in layers if not is_batch_norm(layer)]
    assert thawed == {layer.name for layer in wanted}
    trained = {weight.path for layer in wanted for weight in layer.weights}
    assert {weight.path for weight in built.core.trainable_weights} == trained

    before = built.weights()
    # Features of random weights are next to nothing: Adam takes a step for the least gradient.
    adam = keras.optimizers.Adam(learning_rate=0.01, epsilon=1e-30)
    built.core.compile(optimizer=adam, loss="categorical_crossentropy", run_eagerly=True)
    built.core.train_on_batch(built.pixels, np.eye(3)[:2])
    after = built.weights()
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert moved <= trained  # no statistics of batch norm, and nothing below
    kernels = {path for path in trained if path.endswith("kernel")}
    assert kernels <= moved
