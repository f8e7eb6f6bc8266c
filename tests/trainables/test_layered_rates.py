import keras
import numpy as np
import pytest

from trainables.layered_rates import LayeredAdam
from trainables.optimizers import warmed_up


def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="deep")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="top")(hidden))


def trained(optimizer, steps=3):
    built = model()
    built.compile(optimizer, "mse")
    inputs = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    for _ in range(steps):
        built.train_on_batch(inputs, inputs[:, :2])
    return built.get_weights()


def test_without_factors_it_is_adam():
    for ours, theirs in zip(
        trained(LayeredAdam(0.01, {}, weight_decay=1e-2)),
        trained(keras.optimizers.Adam(0.01, weight_decay=1e-2)),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_factor_scales_the_first_step_of_its_variable_alone():
    start = model().get_weights()
    plain = trained(LayeredAdam(0.01, {}), steps=1)
    halved = trained(LayeredAdam(0.01, {"deep/kernel": 0.5}), steps=1)
    np.testing.assert_allclose(halved[0] - start[0], 0.5 * (plain[0] - start[0]), rtol=1e-4)
    for ours, theirs in zip(halved[1:], plain[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_warm_up_rises_and_stays():
    rate = warmed_up(1e-3, 0.2, 100)
    assert float(rate(0)) == pytest.approx(1e-4)
    assert float(rate(10)) == pytest.approx(5.5e-4, rel=1e-3)
    for step in (20, 50, 99, 150):
        assert float(rate(step)) == pytest.approx(1e-3)


def test_no_warm_up_is_a_number():
    assert warmed_up(1e-3, 0.0, 100) == 1e-3
    assert warmed_up(1e-3, 0.001, 100) == 1e-3
