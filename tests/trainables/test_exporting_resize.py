"""The resize that all formats have is TensorFlow's own, to the last bit."""

import keras
import numpy as np
import pytest

from trainables.exporting.plain_resize import PlainResize

SIZES = [(1, 1), (2, 300), (9, 12), (24, 24), (40, 56), (101, 67), (333, 480), (512, 512)]


@pytest.mark.parametrize("target", [(24, 24), (96, 96), (150, 40)], ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_gives_tensorflows_bits(size, target):
    generator = np.random.default_rng(sum(size))
    images = generator.integers(0, 256, (2, *size, 3)).astype(np.float32)
    wanted = keras.ops.image.resize(images, target, interpolation="bilinear", antialias=True)
    got = np.asarray(PlainResize(target)(images))
    np.testing.assert_array_equal(got, np.asarray(wanted))


def test_its_shape_is_known_before_there_are_images():
    images = keras.Input((None, None, 1))
    assert PlainResize((24, 40))(images).shape == (None, 24, 40, 1)
