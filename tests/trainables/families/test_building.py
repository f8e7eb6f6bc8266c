import keras
import keras_tuner
import numpy as np
import optuna
import pytest

import spaces
from neurosweep.errors import SpaceError, WeightsError
from spaces import Task
from trainables.families import FAMILIES, Transfer
from trainables.layers import FusedBatchNormalization, fused_batch_norm

TASK = Task(image_size=32, channels=1, classes=("a", "b", "c"))
CUSTOM = ("plain_cnn", "mini_vgg", "mini_resnet")


@pytest.mark.parametrize("name", CUSTOM)
def test_sampled_configurations_build_and_keep_two_pixels(name):
    space = spaces.declare_space(TASK, {name: {}}, {})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    family = FAMILIES[name](TASK)
    for _ in range(8):
        configuration = spaces.suggest(study.ask(), space)
        model = family.build(spaces.hyperparameters(configuration, space))
        maps = [layer.output.shape for layer in model.layers if len(layer.output.shape) == 4]
        assert min(shape[1] for shape in maps) >= 2
        top_block = family.top_block(model)
        weighted = {layer.name for layer in model.layers if layer.weights}
        assert set(top_block) < weighted
        assert "softmax" in top_block


@pytest.mark.parametrize("name", CUSTOM)
def test_without_values_the_defaults_are_declared_and_built(name):
    hp = keras_tuner.HyperParameters()
    FAMILIES[name](TASK).build(hp)
    assert hp.get("family") == name
    assert any(known.startswith(f"{name}/") for known in hp.values)


def test_kerastuners_own_wrapper_finds_the_hook():
    hp = keras_tuner.HyperParameters()
    FAMILIES["mini_vgg"](TASK).declare_hyperparameters(hp)
    assert hp.get("mini_vgg/convs") == 2


def test_a_missing_hyperparameter_is_named():
    hp = keras_tuner.HyperParameters()
    hp.values = {"family": "mini_vgg", "mini_vgg/blocks": 2}
    with pytest.raises(SpaceError, match="needs a value for 'mini_vgg/batch_norm'"):
        FAMILIES["mini_vgg"](TASK).build(hp)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", CUSTOM)
def test_probabilities_are_float32_under_mixed_precision(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = FAMILIES[name](TASK).build(keras_tuner.HyperParameters())
    finally:
        keras.config.set_dtype_policy(before)
    probabilities = model(np.zeros((2, 32, 32, 1), np.float32))
    assert model.get_layer(index=1).compute_dtype == policy.removeprefix("mixed_")
    assert probabilities.dtype == "float32"
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-6)


def test_fused_and_stock_networks_exchange_weights():
    hp = keras_tuner.HyperParameters()
    stock = FAMILIES["mini_resnet"](TASK).build(hp)
    with fused_batch_norm():
        fused = FAMILIES["mini_resnet"](TASK).build(hp)
    assert any(isinstance(layer, FusedBatchNormalization) for layer in fused.layers)
    assert not any(isinstance(layer, FusedBatchNormalization) for layer in stock.layers)
    stock.set_weights(fused.get_weights())
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(stock(images), fused(images), atol=1e-6)


def backbone(name, *, preprocessing="native", size=32):
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "transfer/backbone": name,
        "transfer/pooling": "average",
        "transfer/dropout": 0.0,
        "transfer/fc_layers": 1,
        "transfer/width_1": 8,
        "transfer/class_weights": "none",
        "transfer/activation": "relu",
    }
    task = Task(image_size=size, channels=3, classes=("a", "b"))
    return Transfer(task, weights="random", preprocessing=preprocessing).build(hp)


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_unit_preprocessing_feeds_every_backbone_zero_to_one(name):
    """The native network sees x / 255 as the unit network sees x."""
    native, unit = backbone(name), backbone(name, preprocessing="unit")
    unit.set_weights(native.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    features = [keras.Model(one.input, one.get_layer("head_pool").output) for one in (native, unit)]
    got = np.asarray(features[1](pixels))
    scale = np.abs(got).max()  # features of random weights are tiny
    assert not np.allclose(features[0](pixels) / scale, got / scale, atol=1e-2)
    # What the backbone itself is fed: MobileNetV2 takes -1 to 1, EfficientNet scales inside.
    as_native = pixels / 255 if name == "EfficientNetB0" else (pixels / 255 + 1) * 127.5
    np.testing.assert_allclose(features[0](as_native) / scale, got / scale, atol=1e-3)


@pytest.mark.parametrize("name", ["MobileNetV3Large", "EfficientNetB0"])
def test_scaling_inside_a_backbone_stays_in_float32_under_mixed_precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = backbone(name)
    finally:
        keras.config.set_dtype_policy(before)
    plain = backbone(name)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    scaled = []
    for model in (mixed, plain):
        inner = [
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization)
        ]
        values = pixels
        for layer in inner:
            values = layer(values)
        scaled.append(values)
    assert scaled[0].dtype == "float32"
    np.testing.assert_array_equal(scaled[0], scaled[1])
    probabilities = mixed(pixels)
    assert probabilities.dtype == "float32"
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-6)


def test_an_unknown_preprocessing_is_refused():
    with pytest.raises(SpaceError, match=r"\['native', 'unit'\], received 'raw'"):
        Transfer(TASK, weights="random", preprocessing="raw")


def test_a_backbone_without_any_weights_is_refused():
    with pytest.raises(WeightsError, match="random, which must be asked for by name"):
        Transfer(TASK, weights="none")


@pytest.mark.parametrize(
    ("backbone", "message"),
    [("AlexNet", "received 'AlexNet'"), ("Xception", "at least 71 pixels, received image size 32")],
)
def test_an_impossible_backbone_is_refused(backbone, message):
    hp = keras_tuner.HyperParameters()
    hp.values = {"transfer/backbone": backbone, "transfer/pooling": "average"}
    with pytest.raises(SpaceError, match=message):
        Transfer(TASK, weights="random").build(hp)
