from importlib import import_module

import keras
import numpy as np
import pytest

from spaces import BACKBONES
from trainables.families.preprocessing import (
    three_channels,
    with_native_scaling,
    with_unit_scaling,
)


def pixels(channels=3):
    return np.random.default_rng(0).integers(0, 256, (2, 5, 4, channels)).astype(np.float32)


def apply(function, *arguments, channels=3):
    images = keras.Input((5, 4, channels))
    model = keras.Model(images, function(images, *arguments))
    return np.asarray(model(pixels(channels)))


@pytest.mark.parametrize("name", BACKBONES)
def test_native_scaling_is_keras_own_preprocessing(name):
    module, _, function = BACKBONES[name].preprocess.rpartition(".")
    wanted = getattr(import_module(module), function)(pixels())
    got = apply(with_native_scaling, BACKBONES[name])
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4 if np.abs(wanted).max() > 9 else 1e-6)


def test_unit_scaling_divides_by_255():
    np.testing.assert_allclose(apply(with_unit_scaling), pixels() / 255, atol=1e-7)


def test_grey_is_repeated():
    np.testing.assert_array_equal(
        apply(three_channels, 1, channels=1), np.repeat(pixels(1), 3, axis=-1)
    )


@pytest.mark.parametrize("scaling", ["tf", "caffe", "torch"])
def test_scaling_stays_in_float32_under_mixed_precision(scaling):
    name = next(name for name, record in BACKBONES.items() if record.scaling == scaling)
    wanted = apply(with_native_scaling, BACKBONES[name])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        got = apply(with_native_scaling, BACKBONES[name])
    finally:
        keras.config.set_dtype_policy(before)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, wanted)
