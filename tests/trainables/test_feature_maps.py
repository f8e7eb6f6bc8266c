"""Feature maps: the strongest channels, their scale, and which layers they are of."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainables.block_ends import stage_ends
from trainables.feature_maps import MOST_BLOCKS, MOST_CHANNELS, MOST_MAP_SIDE, feature_maps

SIDE = 8


def network(*, channels, side=SIDE):
    """A convolution whose channel c is the image times c."""
    images = keras.Input((side, side, 1))
    maps = keras.layers.Conv2D(channels, 1, use_bias=False, name="times")(images)
    outputs = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(images, outputs)
    model.get_layer("times").set_weights([np.arange(channels, dtype=np.float32)[None, None, None]])
    return model


def image(side=SIDE):
    return tf.constant(np.arange(side * side, dtype=np.float32).reshape(1, side, side, 1))


def test_the_channels_with_the_highest_mean_are_kept_with_their_scale():
    (block,) = feature_maps(network(channels=11), ["times"], image())
    assert (block.layer, block.shape) == ("times", (SIDE, SIDE, 11))
    assert block.channels == tuple(range(10, 10 - MOST_CHANNELS, -1))
    assert block.maps.shape == (MOST_CHANNELS, SIDE, SIDE)
    assert block.maps.dtype == np.uint8
    assert block.lows == (0.0,) * MOST_CHANNELS
    assert block.highs == tuple(63.0 * channel for channel in block.channels)
    wanted = np.arange(64).reshape(SIDE, SIDE)
    for values, low, high in zip(block.maps, block.lows, block.highs, strict=True):
        restored = low + values / 255 * (high - low)
        np.testing.assert_allclose(restored / high * 63, wanted, atol=63 / 255)


def test_a_channel_of_one_value_is_dark_and_says_which():
    (block,) = feature_maps(network(channels=2), ["times"], image())
    assert block.channels == (1, 0)
    assert (block.lows[1], block.highs[1]) == (0.0, 0.0)
    assert not block.maps[1].any()


def test_large_maps_are_made_smaller():
    side = 2 * MOST_MAP_SIDE
    (block,) = feature_maps(network(channels=2, side=side), ["times"], image(side))
    assert block.shape == (side, side, 2)
    assert block.maps.shape == (2, MOST_MAP_SIDE, MOST_MAP_SIDE)
    # The scale is that of the smaller maps: means of neighbours lie within the larger ones' reach.
    assert 0 < block.lows[0] < block.highs[0] < side * side - 1


def test_of_many_blocks_the_first_the_last_and_some_between_are_kept():
    images = maps = keras.Input((SIDE, SIDE, 1))
    for step in range(40):
        maps = keras.layers.Conv2D(1, 1, name=f"conv{step}")(maps)
    model = keras.Model(images, maps)
    blocks = feature_maps(model, [f"conv{step}" for step in range(40)], image())
    names = [block.layer for block in blocks]
    assert len(names) == len(set(names)) == MOST_BLOCKS
    assert (names[0], names[-1]) == ("conv0", "conv39")


def test_a_network_without_blocks_has_no_maps():
    assert feature_maps(network(channels=2), [], image()) == []


def stages(*, merge):
    """Three stages; a merge closes the second where it is asked for."""
    images = keras.Input((16, 16, 1))
    maps = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="conv1")(images)
    maps = keras.layers.MaxPooling2D(2, name="pool1")(maps)
    skipped = maps = keras.layers.Conv2D(2, 3, padding="same", name="conv2")(maps)
    maps = keras.layers.ReLU(name="relu2")(maps)
    if merge:
        maps = keras.layers.Add(name="add2")([maps, skipped])
        maps = keras.layers.ReLU(name="behind2")(maps)
        maps = keras.layers.Conv2D(4, 1, name="expand3")(maps)
    maps = keras.layers.ZeroPadding2D(1, name="pad3")(maps)
    maps = keras.layers.Conv2D(2, 3, strides=2, name="conv3")(maps)
    maps = keras.layers.BatchNormalization(name="bn3")(maps)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(maps))


@pytest.mark.parametrize(
    ("merge", "ends"), [(True, ("conv1", "behind2", "bn3")), (False, ("conv1", "relu2", "bn3"))]
)
def test_stages_end_at_merges_else_at_activations_before_maps_get_smaller(merge, ends):
    assert stage_ends(stages(merge=merge)) == ends
