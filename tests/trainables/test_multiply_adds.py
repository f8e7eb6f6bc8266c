"""Multiply-adds: by hand on tiny networks, and every backbone's record against Keras' network."""

from importlib import import_module

import keras
import pytest
from keras import layers

from neurosweep.errors import NeurosweepError
from spaces import BACKBONES
from trainables.multiply_adds import multiply_adds


def of(*stack, shape=(8, 6, 4)):
    return multiply_adds(keras.Sequential([keras.Input(shape), *stack]))


def test_a_convolution_applies_its_kernel_at_every_position():
    # 8 x 6 positions, each 3 x 3 x 4 numbers for each of 5 filters.
    assert of(layers.Conv2D(5, 3, padding="same")) == 8 * 6 * 3 * 3 * 4 * 5
    assert of(layers.Conv2D(5, 3, padding="valid")) == 6 * 4 * 3 * 3 * 4 * 5
    assert of(layers.Conv2D(5, 3, strides=2, padding="same")) == 4 * 3 * 3 * 3 * 4 * 5


def test_a_group_sees_its_own_channels_alone():
    assert of(layers.Conv2D(6, 3, padding="same", groups=2)) == 8 * 6 * 3 * 3 * 2 * 6


def test_a_depthwise_convolution_sees_one_channel_per_filter():
    layer = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)
    assert of(layer) == 4 * 3 * 3 * 3 * 4 * 2


def test_a_separable_convolution_is_a_depthwise_and_a_pointwise_one():
    layer = layers.SeparableConv2D(5, 3, strides=2, padding="same")
    assert of(layer) == 4 * 3 * (3 * 3 * 4 + 4 * 5)


def test_a_dense_layer_counts_at_each_position_of_maps():
    assert of(layers.Dense(7)) == 8 * 6 * 4 * 7
    assert of(layers.Flatten(), layers.Dense(7)) == 8 * 6 * 4 * 7
    assert of(layers.GlobalAveragePooling2D(), layers.Dense(7)) == 4 * 7


def test_nothing_else_counts():
    others = (
        layers.Rescaling(0.5),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
    )
    assert of(*others) == 0


def test_networks_inside_a_network_count_with_their_layers():
    inner = keras.Sequential([layers.Conv2D(5, 3, padding="same"), layers.ReLU()])
    assert of(inner, layers.Conv2D(2, 1)) == 8 * 6 * 3 * 3 * 4 * 5 + 8 * 6 * 5 * 2


def test_an_image_of_unknown_size_has_none():
    with pytest.raises(NeurosweepError, match="must be known; received maps of"):
        of(layers.Conv2D(5, 3), shape=(None, None, 4))


# In billions per image, classifier included, as papers give them: each network's own, or one that
# compares with it. Of the other five there is no figure for the version that Keras has.
PUBLISHED = {
    "DenseNet201": 4.3,
    "MobileNetV2": 0.30,
    "MobileNetV3Large": 0.22,
    "EfficientNetB0": 0.39,
    "EfficientNetB1": 0.70,
    "InceptionV3": 5.7,
    "ResNet50": 3.8,
    "VGG16": 15.5,
    "VGG19": 19.6,
    "EfficientNetV2S": 8.8,
    "ConvNeXtTiny": 4.5,
    "MobileNet": 0.57,
    "NASNetMobile": 0.56,
    "InceptionResNetV2": 13.2,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_is_roughly_what_is_published(name):
    assert BACKBONES[name].multiply_adds / 1e9 == pytest.approx(PUBLISHED[name], rel=0.06)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_record_says_what_keras_network_has(name):
    record = BACKBONES[name]
    module, _, function = record.constructor.rpartition(".")
    size = record.native_size
    network = getattr(import_module(module), function)(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    assert network.count_params() == record.parameters
    assert network.output_shape[-1] == record.feature_length
    assert multiply_adds(network) == record.multiply_adds
    keras.backend.clear_session()
