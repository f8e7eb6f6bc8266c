"""What every family and every backbone promises, checked on each with random weights."""

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

import spaces
from spaces import BACKBONES, DEFAULT_BACKBONES, Task
from trainables.families import FAMILIES, Family
from trainables.feature_maps import MOST_BLOCKS, MOST_CHANNELS, feature_maps
from trainables.grad_cam import GradCam

CUSTOM = ("plain_cnn", "mini_vgg", "mini_resnet")
CASES = [*CUSTOM, *BACKBONES]


class Case:
    """A family built once, at the smallest image it takes."""

    def __init__(self, name):
        record = BACKBONES.get(name)
        size = record.minimum_size if record else 32
        self.name = name
        self.task = Task(image_size=size, channels=1, classes=("a", "b", "c"))
        hp = keras_tuner.HyperParameters()
        if record:
            hp.values = {
                "family": "transfer",
                "transfer/backbone": name,
                "transfer/pooling": "average",
                "transfer/dropout": 0.3,
                "transfer/fc_layers": 1,
                "transfer/width_1": 8,
                "transfer/class_weights": "none",
                "transfer/activation": "relu",
            }
        self.family: Family = FAMILIES["transfer" if record else name](self.task, weights="random")
        self.model = self.family.build(hp)
        images = np.random.default_rng(0).uniform(0, 255, (2, size, size, 1))
        self.images = images.astype(np.float32)
        if self.family.input_range == "standardised":
            self.images = (self.images - 127.5) / 73.6


@pytest.fixture(scope="module", params=CASES)
def case(request):
    yield Case(request.param)
    keras.backend.clear_session()


def test_the_registries_are_equal():
    assert list(FAMILIES) == list(spaces.FAMILIES)
    assert all(family.name == name for name, family in FAMILIES.items())


def test_input_is_the_tasks_and_output_are_probabilities(case):
    assert case.model.input_shape == (None, *case.task.shape)
    assert case.model.input.dtype == "float32"
    probabilities = np.asarray(case.model(case.images))
    assert probabilities.shape == (2, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_top_block_is_neither_empty_nor_everything(case):
    top_block = case.family.top_block(case.model)
    weighted = [layer.name for layer in case.model.layers if layer.weights]
    assert len(set(top_block)) == len(top_block)
    assert set(top_block) < set(weighted)
    assert "softmax" in top_block
    # It is the top: nothing below it comes behind it, but for layers of parallel branches.
    assert weighted[-1] in top_block
    assert weighted[0] not in top_block


def test_unfreezing_the_top_block_trains_more_than_the_head_and_less_than_all(case):
    top_block = case.family.top_block(case.model)
    counts = {layer.name: layer.count_params() for layer in case.model.layers}
    share = sum(counts[name] for name in top_block) / case.model.count_params()
    assert 0 < share < 1
    convolutions = [
        name for name in top_block if "Conv" in type(case.model.get_layer(name)).__name__
    ]
    assert convolutions


def test_layer_names_are_unique_and_the_head_has_ours(case):
    names = [layer.name for layer in case.model.layers]
    assert len(set(names)) == len(names)
    assert names[0] == "images"
    assert names[-1] == "softmax"


def test_a_backbone_is_frozen_and_works_in_inference_mode(case):
    if case.family.name != "transfer":
        assert all(layer.trainable for layer in case.model.layers)
        return
    pool = case.model.get_layer("head_pool")
    features = keras.Model(case.model.input, pool.output)
    assert features.trainable_weights == []
    before = [weight.copy() for weight in features.get_weights()]
    training = np.asarray(features(case.images, training=True))
    np.testing.assert_array_equal(training, features(case.images, training=False))
    for old, new in zip(before, features.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_saved_network_loads_in_safe_mode_and_gives_the_same(case, tmp_path):
    path = tmp_path / "core.keras"
    case.model.save(path)
    loaded = keras.models.load_model(path, safe_mode=True, compile=False)
    np.testing.assert_array_equal(loaded(case.images), case.model(case.images))
    assert case.family.top_block(loaded) == case.family.top_block(case.model)


def test_blocks_end_where_maps_get_smaller_and_have_feature_maps(case):
    ends = case.family.block_ends(case.model)
    assert len(set(ends)) == len(ends)
    blocks = feature_maps(case.model, ends, case.images[:1])
    assert [block.layer for block in blocks] == list(ends)[:MOST_BLOCKS]
    heights = [block.shape[0] for block in blocks]
    assert heights == sorted(heights, reverse=True)
    # What a stage of NASNet gives is used by the next but one: only its stem and its end count.
    assert len(blocks) >= (2 if case.model.name.endswith("NASNetMobile") else 3)
    for block in blocks:
        height, width, channels = block.shape
        assert block.maps.shape == (min(MOST_CHANNELS, channels), height, width)
        assert np.isfinite([*block.lows, *block.highs]).all()


def test_grad_cam_is_made_of_it_as_a_gradient_tape_would(case):
    cam, classes = GradCam(case.model), np.array([0, 2])
    found = cam(tf.constant(case.images), classes)
    assert found.shape == (2, *cam.grid)
    assert np.isfinite(found).all()
    if case.name not in (*CUSTOM, *DEFAULT_BACKBONES):
        return  # a tape over the whole of the six others takes half of this file's time
    maps, last = case.model.get_layer(cam.layer).output, case.model.get_layer("softmax")
    whole = keras.Model(case.model.input, [maps, last.input])
    with tf.GradientTape() as tape:
        # Watched from the pixels on: the network is not cut here.
        pixels = tf.constant(case.images)
        tape.watch(pixels)
        maps, hidden = whole(pixels, training=False)
        scores = tf.gather(hidden @ last.kernel + last.bias, classes, batch_dims=1)
    weights = tape.gradient(scores, maps).numpy().mean(axis=(1, 2), keepdims=True)
    wanted = np.maximum((weights * maps.numpy()).sum(axis=-1), 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * max(wanted.max(), 1e-30))


def test_weights_go_to_a_second_build(case):
    hp = keras_tuner.HyperParameters()
    if case.family.name == "transfer":
        hp.values = {
            "transfer/backbone": case.model.name.removeprefix("transfer_"),
            "transfer/pooling": "average",
            "transfer/dropout": 0.0,
            "transfer/fc_layers": 1,
            "transfer/width_1": 8,
            "transfer/class_weights": "none",
            "transfer/activation": "relu",
        }
    second = case.family.build(hp)
    second.set_weights(case.model.get_weights())
    np.testing.assert_array_equal(second(case.images), case.model(case.images))
