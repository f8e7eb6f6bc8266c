"""Files in Keras' own naming and layout, through the loading code, give what Keras gives."""

from importlib import import_module

import keras
import keras_tuner
import numpy as np
import pytest
from keras.src.utils import file_utils
from legacy_weights import construct, write_weights
from small_weights import entry, write_listing

from spaces import BACKBONES, Task
from trainables.backbone_weights import check_weights, missing_weights, weights_hash
from trainables.families import Transfer
from trainables.weights.contents import read_contents
from trainables.weights.faults import Rules, find_faults

SIZE = 96
TASK = Task(image_size=SIZE, channels=3, classes=("a", "b"))


def ours(name, folder):
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "transfer/backbone": name,
        "transfer/pooling": "average",
        "transfer/dropout": 0.5,
        "transfer/fc_layers": 1,
        "transfer/width_1": 8,
        "transfer/class_weights": "none",
        "transfer/activation": "relu",
    }
    model = Transfer(TASK, weights=str(folder)).build(hp)
    return keras.Model(model.input, model.get_layer("head_pool").output)


def preprocessed(name, pixels):
    module, _, function = BACKBONES[name].preprocess.rpartition(".")
    return getattr(import_module(module), function)(pixels.copy())


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")  # MobileNets: that is meant
@pytest.mark.parametrize("name", BACKBONES)
def test_a_file_gives_the_features_of_keras_own_imagenet_network(name, tmp_path, monkeypatch):
    """EfficientNets get a second scaling from weights="imagenet" alone; ours must have it too."""
    record = BACKBONES[name]
    path = write_weights(name, tmp_path)
    assert missing_weights(str(tmp_path), [name]) == []
    assert read_contents(path).values == record.parameters
    (fault,) = find_faults(tmp_path, [record], Rules(listed={})) or [None]
    assert (fault is None) == (not record.weights_hash)  # made-up numbers have another checksum
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: str(path))
    theirs = construct(name, weights="imagenet", input_shape=(SIZE, SIZE, 3))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    # Not with Keras' pooling="avg": to ConvNeXt that adds a normalisation after it.
    wanted = np.asarray(theirs(preprocessed(name, pixels))).mean((1, 2))
    assert np.abs(wanted).max() > 0
    found = np.asarray(ours(name, tmp_path)(pixels))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert len(weights_hash(record, str(tmp_path))) == 64


def test_weights_of_ones_own_are_taken_from_a_models_file(tmp_path):
    """What Keras 3 writes as ".h5" holds the whole model; the folder vouches for it."""
    name = "VGG16"
    trained = construct(name, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg")
    path = tmp_path / BACKBONES[name].weights_file
    trained.save(path)
    write_listing(tmp_path, {path.name: entry(path, name, source="trained on chest films")})
    check_weights(str(tmp_path), [name])
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    wanted = np.asarray(trained(preprocessed(name, pixels)))
    assert np.abs(wanted).max() > 0
    found = np.asarray(ours(name, tmp_path)(pixels))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
