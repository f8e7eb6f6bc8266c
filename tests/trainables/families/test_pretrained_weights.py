"""Weights from files: where they are looked for, and what their records say of them."""

import subprocess
import sys

import keras_tuner
import numpy as np
import pytest
from keras.src.utils import file_utils
from legacy_weights import construct, write_weights

from neurosweep.errors import WeightsError
from spaces import BACKBONES, Task
from trainables.backbone_weights import check_weights, missing_weights, weights_folder
from trainables.families import Transfer

TASK = Task(image_size=96, channels=3, classes=("a", "b"))


def network(backbone, weights):
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "transfer/backbone": backbone,
        "transfer/pooling": "average",
        "transfer/dropout": 0.5,
        "transfer/fc_layers": 1,
        "transfer/width_1": 8,
        "transfer/class_weights": "none",
        "transfer/activation": "relu",
    }
    return Transfer(TASK, weights=str(weights)).build(hp)


class Captured(Exception):  # noqa: N818  # not an error: it carries what was asked for
    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments


@pytest.mark.parametrize("name", BACKBONES)
def test_each_record_names_the_file_that_keras_would_download(name, monkeypatch):
    record = BACKBONES[name]

    def get_file(fname, origin, *, cache_subdir, file_hash=None):
        raise Captured((fname, origin, cache_subdir, file_hash or ""))

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(Captured) as captured:
        construct(name, weights="imagenet", input_shape=(224, 224, 3))
    wanted = (record.weights_file, record.weights_url, "models", record.weights_hash)
    assert captured.value.arguments == wanted


def test_weights_move_from_a_pretrained_network_to_a_fresh_one(tmp_path):
    """What `set_weights` does not carry must be the same in every build."""
    write_weights("EfficientNetB0", tmp_path)
    trained, fresh = network("EfficientNetB0", tmp_path), network("EfficientNetB0", "random")
    fresh.set_weights(trained.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(trained(pixels), fresh(pixels))


def test_an_efficientnet_file_with_other_statistics_is_refused(tmp_path):
    write_weights("EfficientNetB0", tmp_path, deviation=(1.0, 1.0, 1.0))
    with pytest.raises(WeightsError, match=r"EfficientNetB0 are known with the input statistics"):
        network("EfficientNetB0", tmp_path)


def test_a_file_of_another_backbone_does_not_load(tmp_path):
    write_weights("VGG16", tmp_path).rename(tmp_path / BACKBONES["VGG19"].weights_file)
    with pytest.raises(WeightsError, match=r"VGG19 must be Keras' own file .* does not load"):
        network("VGG19", tmp_path)


def test_a_missing_file_ends_a_build(tmp_path):
    with pytest.raises(WeightsError, match=BACKBONES["VGG16"].weights_file):
        network("VGG16", tmp_path)


def test_nothing_is_missing_where_no_files_are_needed():
    assert missing_weights("random", list(BACKBONES)) == []
    assert missing_weights("none", []) == []
    check_weights("random", list(BACKBONES))


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="is imagenet, random or a folder of weight files"):
        check_weights(str(tmp_path / "nowhere"), ["VGG16"])


def test_an_unknown_backbone_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="received 'AlexNet'"):
        missing_weights(str(tmp_path), ["AlexNet"])


def test_keras_home_says_where_imagenet_weights_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert weights_folder("imagenet") == tmp_path / "models"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert weights_folder("imagenet") == tmp_path / "home" / ".keras" / "models"


def test_looking_for_missing_files_loads_no_tensorflow():
    code = (
        "import sys; from trainables.backbone_weights import missing_weights; "
        "missing_weights('imagenet', ['VGG16']); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
