"""Grad-CAM: where it lies, on networks whose weights were set by hand, and by its own formula."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from neurosweep.errors import NeurosweepError
from trainables.grad_cam import GradCam, why_no_map

SIDE = 16
HALF = SIDE // 2


def by_hand(*, pooling=keras.layers.GlobalAveragePooling2D):
    """A network in which bright pixels speak for class 0 and vertical stripes for class 1."""
    images = keras.Input((SIDE, SIDE, 1), name="images")
    maps = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")(images)
    features = pooling(name="pool")(maps)
    outputs = keras.layers.Dense(2, activation="softmax", name="softmax")(features)
    model = keras.Model(images, outputs, name="by_hand")
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[:, :, 0, 0] = 1 / 9
    kernel[:, :, 0, 1] = np.array([-1, 2, -1]) / 3
    bias = np.array([0, 0], np.float32)
    model.get_layer("conv").set_weights([kernel, bias])
    model.get_layer("softmax").set_weights([np.array([[4, -1], [-1, 4]], np.float32), bias])
    return model


def image():
    """Bright at the top left, striped at the bottom right, dark elsewhere."""
    pixels = np.zeros((1, SIDE, SIDE, 1), np.float32)
    pixels[0, 1 : HALF - 1, 1 : HALF - 1] = 1.0
    # Stripes as bright as dark: their mean is next to none, so that they say little for class 0.
    pixels[0, HALF + 1 : -1, HALF + 1 : -1 : 2] = 1.0
    pixels[0, HALF + 1 : -1, HALF + 2 : -1 : 2] = -1.0
    return tf.constant(pixels)


def mass(values):
    """Shares of a map's sum in its quarters: top left, top right, bottom left, bottom right."""
    quarters = values.reshape(2, HALF, 2, HALF).sum(axis=(1, 3)).ravel()
    return quarters / quarters.sum()


@pytest.mark.parametrize(("of", "quarter"), [(0, 0), (1, 3)])
def test_the_map_lies_where_the_class_is(of, quarter):
    cam = GradCam(by_hand())
    assert (cam.layer, cam.grid) == ("conv", (SIDE, SIDE))
    (values,) = cam(image(), np.array([of]))
    # An even map would have a quarter there; the edges of the square are stripes, too.
    assert mass(values)[quarter] > 0.8


def test_before_a_mean_over_all_places_it_is_the_weighted_sum_of_the_maps():
    model = by_hand()
    (values,) = GradCam(model)(image(), np.array([0]))
    maps = np.asarray(keras.Model(model.input, model.get_layer("conv").output)(image()))[0]
    kernel = model.get_layer("softmax").get_weights()[0]
    wanted = np.maximum((maps * kernel[:, 0]).sum(-1) / SIDE**2, 0)
    np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-9)


def deeper():
    """Two blocks, a closing pool and a hidden layer, with random weights."""
    keras.utils.set_random_seed(3)
    images = maps = keras.Input((SIDE, SIDE, 1))
    for step in (1, 2):
        maps = keras.layers.Conv2D(6, 3, padding="same", name=f"conv{step}")(maps)
        maps = keras.layers.BatchNormalization(name=f"bn{step}")(maps)
        maps = keras.layers.ReLU(name=f"relu{step}")(maps)
        maps = keras.layers.MaxPooling2D(2, name=f"pool{step}")(maps)
    features = keras.layers.Flatten()(maps)
    features = keras.layers.Dense(9, activation="gelu")(features)
    features = keras.layers.Dropout(0.5)(features)
    logits = keras.layers.Dense(3, name="softmax", activation="softmax")(features)
    return keras.Model(images, logits)


def test_it_is_what_a_gradient_tape_over_the_whole_network_gives():
    model = deeper()
    pixels = tf.constant(np.random.default_rng(0).normal(size=(5, SIDE, SIDE, 1)), tf.float32)
    classes = np.array([0, 2, 1, 2, 0])
    cam = GradCam(model)
    assert (cam.layer, cam.grid) == ("relu2", (8, 8))
    found = cam(pixels, classes)
    last = model.get_layer("softmax")
    both = keras.Model(model.input, [model.get_layer("relu2").output, last.input])
    for row, of in enumerate(classes):
        with tf.GradientTape() as tape:
            maps, hidden = both(pixels[row : row + 1], training=False)
            score = (hidden @ last.kernel + last.bias)[0, of]
        weights = tape.gradient(score, maps).numpy().mean(axis=(1, 2), keepdims=True)
        wanted = np.maximum((weights * maps.numpy()).sum(-1), 0)[0]
        np.testing.assert_allclose(found[row], wanted, rtol=1e-4, atol=1e-6)


def test_images_do_not_meet():
    cam, pixels = GradCam(by_hand()), np.concatenate([image(), -image(), image()])
    together = cam(tf.constant(pixels), np.array([0, 1, 1]))
    alone = [cam(tf.constant(pixels[n : n + 1]), np.array([of])) for n, of in enumerate((0, 1, 1))]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-5, atol=1e-9)


def test_many_images_go_through_in_batches(monkeypatch):
    monkeypatch.setattr("trainables.grad_cam.measuring_batch", lambda _: 2)
    cam, pixels = GradCam(by_hand()), np.concatenate([image()] * 5)
    found = cam(tf.constant(pixels), np.zeros(5, np.int64))
    assert found.shape == (5, SIDE, SIDE)
    np.testing.assert_allclose(found, found[:1].repeat(5, axis=0), atol=1e-8)


@pytest.mark.parametrize("last", [keras.layers.Softmax, lambda: keras.layers.Activation("softmax")])
def test_a_softmax_of_its_own_is_not_looked_through(last):
    model = by_hand()
    dense = keras.layers.Dense(2)
    again = keras.Model(model.input, last()(dense(model.get_layer("pool").output)))
    dense.set_weights(model.get_layer("softmax").get_weights())
    classes = np.array([1])
    np.testing.assert_allclose(
        GradCam(again)(image(), classes), GradCam(model)(image(), classes), rtol=1e-5
    )


def without_maps():
    images = keras.Input((SIDE, SIDE, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(images))
    return keras.Model(images, outputs, name="flat")


def of_one_place():
    images = keras.Input((SIDE, SIDE, 1))
    maps = keras.layers.Conv2D(2, SIDE, name="conv")(images)
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(maps))
    return keras.Model(images, outputs, name="one_place")


@pytest.mark.parametrize("make", [without_maps, of_one_place])
def test_a_network_without_places_has_a_reason_instead_of_a_map(make):
    model = make()
    assert why_no_map(by_hand()) is None
    told = f"maps have more than one place and which everything passes through; {model.name} has"
    assert told in str(why_no_map(model))
    with pytest.raises(NeurosweepError, match="Take another network or larger images"):
        GradCam(model)
