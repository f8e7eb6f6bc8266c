"""Nothing is dropped in a frozen backbone, whatever Keras' networks of other versions hold."""

import dataclasses

import keras
import numpy as np
import pytest
from keras.src.applications.convnext import StochasticDepth

from spaces import BACKBONES
from trainables.families.backbone import build_backbone


def small_network(input_tensor, *, include_top, weights):
    """Stands for a function of keras.applications, with everything that drops."""
    assert not include_top
    assert weights is None
    maps = keras.layers.Dropout(0.5)(input_tensor)
    maps = keras.layers.SpatialDropout2D(0.5)(maps)
    maps = StochasticDepth(0.5)(maps)
    maps = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Conv2D(4, 1)])(maps)
    maps = keras.layers.BatchNormalization()(maps)
    return keras.Model(input_tensor, maps)


@pytest.fixture
def frozen():
    record = dataclasses.replace(BACKBONES["VGG16"], constructor=f"{__name__}.small_network")
    return build_backbone(record, keras.Input((6, 6, 3)), weights="random")


def test_training_gives_the_features_of_inference(frozen):
    images = np.random.default_rng(0).normal(3, 2, (16, 6, 6, 3)).astype(np.float32)
    before = [np.copy(weight) for weight in frozen.get_weights()]
    np.testing.assert_array_equal(frozen(images, training=True), frozen(images, training=False))
    for old, new in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_networks_inside_are_put_in_layer_by_layer(frozen):
    kinds = [type(layer).__name__ for layer in frozen.layers]
    assert "Sequential" not in kinds
    assert kinds.count("Conv2D") == 1


def test_no_weight_is_trainable_not_even_those_of_networks_inside(frozen):
    assert frozen.weights
    assert frozen.trainable_weights == []
