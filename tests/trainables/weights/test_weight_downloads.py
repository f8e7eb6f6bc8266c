"""Keras' own files are downloaded before a search, once, and appear when they are whole."""

import dataclasses
import threading
from pathlib import Path

import keras
import pytest
from filelock import FileLock
from small_weights import write_small

from neurosweep.errors import WeightsError
from spaces import BACKBONES
from trainables import backbone_weights
from trainables.backbone_weights import check_weights, missing_weights, weights_path

VGG16 = BACKBONES["VGG16"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' cache in an empty folder, and a backbone whose file has no checksum."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    record = dataclasses.replace(VGG16, weights_hash="")
    monkeypatch.setattr(backbone_weights, "BACKBONES", {"VGG16": record})
    return tmp_path / "models"


@pytest.fixture
def offered(monkeypatch):
    """What Keras' download puts down, and the names that it was asked for."""
    asked = []

    def get_file(name, *, origin, file_hash, cache_dir, cache_subdir):
        asked.append(name)
        folder = Path(cache_dir) / cache_subdir
        assert not (folder / name).exists(), "Keras would take half a file for done"
        print("a bar")
        return write_small(folder, "VGG16")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


def test_a_download_lands_in_keras_cache_and_is_used(cache, offered, capsys):
    check_weights("imagenet", ["VGG16"])
    assert missing_weights("imagenet", ["VGG16"]) == []
    assert (cache / VGG16.weights_file).is_file()
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "a bar\n")  # output may be somebody's JSON


def test_what_is_there_is_not_downloaded_again(cache, offered):
    write_small(cache, "VGG16")
    check_weights("imagenet", ["VGG16"])
    assert offered == []


def test_half_a_file_of_a_killed_download_is_not_taken_up(cache, offered):
    aside = cache / ".neurosweep-weights"
    aside.mkdir(parents=True)
    (aside / VGG16.weights_file).write_bytes(b"half")
    check_weights("imagenet", ["VGG16"])
    assert offered == [VGG16.weights_file]


def test_of_two_processes_one_downloads_and_the_other_waits(cache, offered):
    aside = cache / ".neurosweep-weights"
    aside.mkdir(parents=True)
    with FileLock(aside / "lock"):
        waiting = threading.Thread(target=check_weights, args=("imagenet", ["VGG16"]))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        write_small(cache, "VGG16")  # the other process is done
    waiting.join(60)
    assert not waiting.is_alive()
    assert offered == []


def test_weights_are_not_downloaded_where_a_trial_finds_them(cache, offered):
    record = backbone_weights.BACKBONES["VGG16"]
    assert weights_path(record, "imagenet") == cache / VGG16.weights_file
    assert weights_path(record, "imagenet") == cache / VGG16.weights_file
    assert offered == [VGG16.weights_file]


def test_what_came_is_checked_before_it_appears(cache, monkeypatch):
    monkeypatch.setattr(
        keras.utils,
        "get_file",
        lambda name, *, cache_dir, cache_subdir, **_: write_small(
            Path(cache_dir) / cache_subdir, "VGG19", file=name
        ),
    )
    with pytest.raises(WeightsError, match="what came from .* it looks like VGG19"):
        check_weights("imagenet", ["VGG16"])
    assert [path.name for path in cache.iterdir()] == [".neurosweep-weights"]
    assert [path.name for path in (cache / ".neurosweep-weights").iterdir()] == ["lock"]


def test_without_internet_the_search_does_not_start(tmp_path, monkeypatch):
    tried = []

    def get_file(name, **_):
        tried.append(name)
        raise Exception("URL fetch failure: Name or service not known")  # noqa: TRY002  # as Keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(WeightsError, match="The download failed: URL fetch failure") as error:
        check_weights("imagenet", ["VGG16", "VGG19"])
    assert tried == [VGG16.weights_file]  # one try, not one for each backbone
    message = str(error.value)
    assert f"2 of 2 files are missing in {tmp_path / 'models'}" in message
    for name in ("VGG16", "VGG19"):
        assert f"{BACKBONES[name].weights_file}  from {BACKBONES[name].weights_url}" in message


def test_a_download_that_landed_elsewhere_is_not_taken_for_done(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: "/tmp/.keras/models/elsewhere")
    with pytest.raises(WeightsError, match="1 of 1 files are missing"):
        check_weights("imagenet", ["VGG16"])


def test_a_cache_that_cannot_be_written_is_told_before_anything_is_downloaded(
    tmp_path, monkeypatch
):
    (tmp_path / "models").write_text("a file where a folder should be")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: pytest.fail("it was tried"))
    with pytest.raises(WeightsError, match="a folder that can be written and has locks"):
        check_weights("imagenet", ["VGG16"])
