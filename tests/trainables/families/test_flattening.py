import keras
import numpy as np
from keras import layers

from trainables.families.flattening import flattened


def nested():
    """A trunk with a skip connection, an operation and two networks inside."""
    images = keras.Input((8, 8, 3))
    maps = images[..., ::-1]
    stem = [layers.Conv2D(4, 3, padding="same", name="conv"), layers.BatchNormalization(name="bn")]
    maps = keras.Sequential(stem, name="stem")(maps)
    inner = [layers.LayerNormalization(name="norm"), layers.Conv2D(4, 1, name="mix")]
    maps = maps + keras.Sequential(inner, name="block")(maps)
    return keras.Model(images, layers.Dense(2, dtype="float64", name="end")(maps))


def test_the_same_numbers_come_from_layers_in_one_row():
    model = nested()
    generator = np.random.default_rng(0)
    weights = [generator.uniform(0.1, 1, each.shape) for each in model.get_weights()]
    model.set_weights(weights)
    flat = flattened(model)
    names = [layer.name for layer in flat.layers]
    assert [name for name in names if name in {"stem", "block"}] == []
    assert [name for name in names if name in {"conv", "bn", "norm", "mix", "end"}] == [
        *("conv", "bn", "norm", "mix", "end")
    ]
    assert flat.get_layer("end").dtype_policy.name == "float64"
    images = generator.normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(flat(images), model(images))


def test_each_layer_has_one_output():
    assert [layer.output.shape[-1] for layer in flattened(nested()).layers if layer.weights] == [
        *(4, 4, 4, 4, 2)
    ]


def test_a_flat_network_stays_itself():
    images = keras.Input((4,))
    model = keras.Model(images, layers.Dense(2)(images))
    assert flattened(model) is model
