import keras
import numpy as np
import pytest
import tensorflow as tf

from trainables.layers import FusedBatchNormalization, batch_normalization, fused_batch_norm

# Half precision keeps 8 (bfloat16) or 11 (float16) bits; both layers compute in float32 and round
# once, so outputs of about 4 differ by one last place at most.
TOLERANCE = {"float32": 1e-5, "mixed_bfloat16": 0.04, "mixed_float16": 0.005}
SHAPE = (8, 5, 6, 7)


def pair(policy):
    """The stock and the fused layer with the same, uneven weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        stock = batch_normalization(name="stock")
        with fused_batch_norm():
            fused = batch_normalization(name="fused")
    finally:
        keras.config.set_dtype_policy(before)
    for layer in (stock, fused):
        layer.build(SHAPE)
        layer.set_weights(
            [np.linspace(0.5, 2, 7), np.linspace(-1, 1, 7), np.full(7, 0.3), np.full(7, 2.0)]
        )
    return stock, fused


def batch(seed=0):
    return np.random.default_rng(seed).normal(3, 2, SHAPE).astype(np.float32)


def as_float(tensor):
    return tf.cast(tensor, tf.float32).numpy()


def test_the_factory_makes_stock_layers_outside_the_context():
    assert type(batch_normalization(name="outside")) is keras.layers.BatchNormalization
    with fused_batch_norm():
        assert type(batch_normalization(name="inside")) is FusedBatchNormalization
    assert type(batch_normalization(name="after")) is keras.layers.BatchNormalization


@pytest.mark.parametrize("policy", TOLERANCE)
def test_training_steps_agree_in_outputs_and_moving_statistics(policy):
    stock, fused = pair(policy)
    for seed in range(3):
        wanted = stock(batch(seed), training=True)
        got = fused(batch(seed), training=True)
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(as_float(got), as_float(wanted), atol=TOLERANCE[policy])
    # The moving variance is the biased one in both: with 240 values a channel, Bessel's
    # correction would differ by 0.4 %, a hundred times this tolerance.
    rounding = 4e-5 if policy == "float32" else 1e-3
    for mine, theirs in zip(fused.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=rounding)


@pytest.mark.parametrize("policy", TOLERANCE)
def test_inference_agrees(policy):
    stock, fused = pair(policy)
    wanted, got = stock(batch(), training=False), fused(batch(), training=False)
    np.testing.assert_allclose(as_float(got), as_float(wanted), atol=TOLERANCE[policy])


def test_gradients_agree():
    stock, fused = pair("float32")
    gradients = []
    for layer in (stock, fused):
        images = tf.constant(batch())
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(tf.sin(layer(images, training=True)))
        sources = [images, *(weight.value for weight in layer.trainable_variables)]
        gradients.append(tape.gradient(loss, sources))
    for mine, theirs in zip(gradients[1], gradients[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


def test_a_frozen_layer_infers_and_keeps_its_statistics():
    _, fused = pair("float32")
    fused.trainable = False
    before = fused.get_weights()
    outputs = fused(batch(), training=True)
    np.testing.assert_array_equal(outputs, fused(batch(), training=False))
    for old, new in zip(before, fused.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_input_without_height_and_width_goes_to_keras_own_layer():
    with fused_batch_norm():
        fused = batch_normalization(name="flat")
    stock = batch_normalization(name="stock")
    rows = batch()[:, 0, 0]
    np.testing.assert_allclose(fused(rows, training=True), stock(rows, training=True), atol=1e-6)
