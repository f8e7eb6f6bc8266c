import keras
import numpy as np
from trainables_samples import make_recipe

from trainables.assemble import Statistics, build_trained
from trainables.augmentation import augmentation_layers


def model_of(strength, *, seed=0):
    """Only the changes: pixels in, changed pixels out."""
    pixels = keras.Input((16, 16, 1), dtype="uint8")
    images = keras.layers.Rescaling(1.0, dtype="float32")(pixels)
    for layer in augmentation_layers(strength, seed=seed):
        images = layer(images)
    return keras.Model(pixels, images)


def test_strength_0_has_no_layers():
    assert augmentation_layers(0.0, seed=0) == []


def test_training_changes_images_and_inference_does_not(dataset):
    images = dataset.images[:8]
    model = model_of(0.5)
    assert not np.allclose(model(images, training=True), images)
    assert np.array_equal(model(images, training=False), images.astype(np.float32))


def test_the_same_seed_makes_the_same_changes(dataset):
    images = dataset.images[:8]
    first, again, other = (
        np.asarray(model_of(0.5, seed=seed)(images, training=True)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_higher_strength_changes_more(dataset):
    images = dataset.images[:50]
    changes = [
        np.abs(np.asarray(model_of(strength)(images, training=True)) - images).mean()
        for strength in (0.1, 1.0)
    ]
    # Half of the images are mirrored at either strength, which makes most of the difference.
    assert changes[0] < changes[1]


def test_changed_pixels_stay_in_range_in_float32(dataset):
    changed = np.asarray(model_of(1.0)(dataset.images[:50], training=True))
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_the_trained_model_changes_before_it_scales():
    recipe = make_recipe()
    core = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten()])
    model = build_trained(recipe, core, Statistics(mean=(9.0,), std=(2.0,)), strength=0.5)
    names = [layer.name for layer in model.layers]
    assert names.index("augment_light") < names.index("standardise") < names.index(core.name)
