"""`neurosweep weights stage`: a folder is filled, and filled on, with files that are whole."""

import json
import os
from pathlib import Path

import keras
import pytest
from small_weights import entry, stage_small, write_listing, write_small

from neurosweep.errors import NeurosweepError
from search.cli import main
from search.staging import filling
from spaces import BACKBONES
from trainables.backbone_weights import check_weights

NAMES = ("MobileNetV2", "VGG16")
FILES = tuple(BACKBONES[name].weights_file for name in NAMES)


@pytest.fixture
def refused(monkeypatch):
    """No internet: what Keras' download was asked for."""
    asked = []

    def get_file(name, **_):
        asked.append(name)
        raise Exception("URL fetch failure: Name or service not known")  # noqa: TRY002  # as Keras

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


@pytest.fixture
def offered(monkeypatch):
    """Keras' download gives a file as large as the backbone; only MobileNetV2 has no checksum."""
    asked = []

    def get_file(name, *, cache_dir, cache_subdir, **_):
        asked.append(name)
        print("a bar")
        of = next(one for one, record in BACKBONES.items() if record.weights_file == name)
        return write_small(Path(cache_dir) / cache_subdir, of)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    return asked


def stage(folder, *words):
    return main(["weights", "stage", str(folder), *map(str, words)])


def states(capsys):
    return {one["backbone"]: one["state"] for one in json.loads(capsys.readouterr().out)["files"]}


def test_files_are_copied_named_and_then_left_as_they_are(tmp_path, capsys, refused):
    source, folder = stage_small(tmp_path / "source", *NAMES), tmp_path / "new" / "folder"
    words = ("--backbones", *NAMES, "--from", source, "--format", "json")
    assert stage(folder, *words) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert told["folder"] == str(folder)
    assert [one["state"] for one in told["files"]] == ["copied", "copied"]
    assert [one["file"] for one in told["files"]] == list(FILES)
    assert f"2 of 2  {FILES[1]}" in shown.err
    check_weights(str(folder), NAMES)
    listed = json.loads((folder / "weights.json").read_text())["files"]
    assert listed == {name: entry(source / name, of) for name, of in zip(FILES, NAMES, strict=True)}
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*")}
    assert stage(folder, *words) == 0
    assert set(states(capsys).values()) == {"whole"}
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*")} == before
    assert refused == []


def test_an_interrupted_filling_goes_on(tmp_path, capsys, monkeypatch):
    source, folder = stage_small(tmp_path / "source", *NAMES), tmp_path / "folder"
    words = (folder, "--backbones", *NAMES, "--from", source, "--format", "json")
    replace = os.replace
    copy = filling.shutil.copyfileobj

    def half(content, target, length):
        if "vgg16" in target.name:
            target.write(content.read(100))
            raise KeyboardInterrupt
        copy(content, target, length)

    monkeypatch.setattr(filling.shutil, "copyfileobj", half)
    assert stage(*words) == 130
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == [FILES[0], "weights.json"]
    monkeypatch.undo()
    capsys.readouterr()
    assert stage(*words) == 0
    assert states(capsys) == {"MobileNetV2": "whole", "VGG16": "copied"}
    assert os.replace is replace


def test_files_are_downloaded_through_keras(tmp_path, capsys, offered):
    assert stage(tmp_path, "--backbones", "MobileNetV2", "--format", "json") == 0
    shown = capsys.readouterr()
    (one,) = json.loads(shown.out)["files"]
    assert one["state"] == "downloaded"
    assert "a bar" in shown.err
    assert one["sha256"] == entry(tmp_path / FILES[0], "MobileNetV2")["sha256"]
    listed = json.loads((tmp_path / "weights.json").read_text())["files"]
    assert listed[FILES[0]]["source"] == BACKBONES["MobileNetV2"].weights_url


def test_without_internet_every_file_and_its_address_is_told(tmp_path, capsys, refused):
    assert stage(tmp_path, "--backbones", *NAMES, "--format", "json") == 2
    shown = capsys.readouterr()
    assert [one["state"] for one in json.loads(shown.out)["files"]] == ["missing", "missing"]
    assert refused == [FILES[0]]  # one try, not one for each backbone
    assert f"2 of 2 are not in {tmp_path}" in shown.err
    for name, file in zip(NAMES, FILES, strict=True):
        assert f"  {file}  from {BACKBONES[name].weights_url}" in shown.err
    assert "URL fetch failure: Name or service not known" in shown.err
    assert "put them into that folder under these names" in shown.err


def test_what_a_person_carried_is_adopted(tmp_path, capsys, refused):
    assert stage(tmp_path, "--backbones", "MobileNetV2") == 2
    write_small(tmp_path, "MobileNetV2")
    capsys.readouterr()
    assert stage(tmp_path, "--backbones", "MobileNetV2", "--format", "json") == 0
    assert states(capsys) == {"MobileNetV2": "adopted"}
    listed = json.loads((tmp_path / "weights.json").read_text())["files"]
    assert listed[FILES[0]] == entry(tmp_path / FILES[0], "MobileNetV2", source="put there by hand")


def test_what_is_damaged_is_replaced(tmp_path, capsys, offered):
    (tmp_path / FILES[0]).write_bytes(b"half")
    assert stage(tmp_path, "--backbones", "MobileNetV2", "--format", "json") == 0
    assert states(capsys) == {"MobileNetV2": "downloaded"}


def test_a_whole_file_that_is_not_keras_own_is_nobodys_to_replace(tmp_path, capsys, offered):
    path = write_small(tmp_path, "VGG16")
    before = path.read_bytes()
    assert stage(tmp_path, "--backbones", *NAMES, "--format", "json") == 2
    shown = capsys.readouterr()
    assert [one["state"] for one in json.loads(shown.out)["files"]] == ["downloaded", "damaged"]
    assert "it is not Keras' own file (MD5" in shown.err
    assert "name it in weights.json" in shown.err
    assert path.read_bytes() == before


def test_weights_of_ones_own_are_not_replaced_by_others_when_they_are_damaged(
    tmp_path, capsys, offered
):
    """The listing says what the file was; what is downloaded is something else."""
    path = write_small(tmp_path, "MobileNetV2", layers=9)
    write_listing(tmp_path, {path.name: entry(path, "MobileNetV2", source="chest films")})
    path.write_bytes(b"half")
    assert stage(tmp_path, "--backbones", "MobileNetV2") == 2
    assert "bytes where weights.json says" in capsys.readouterr().err
    source = stage_small(tmp_path / "source", "MobileNetV2")
    assert stage(tmp_path, "--backbones", "MobileNetV2", "--from", source) == 2
    assert path.read_bytes() == b"half"
    own = write_small(tmp_path / "own", "MobileNetV2", layers=9)
    write_listing(own.parent, {own.name: entry(own, "MobileNetV2", source="chest films")})
    assert stage(tmp_path, "--backbones", "MobileNetV2", "--from", own.parent) == 0
    listed = json.loads((tmp_path / "weights.json").read_text())["files"]
    assert listed[path.name]["source"] == "chest films"


def test_what_the_other_folder_lacks_is_told_and_the_rest_copied(tmp_path, capsys):
    source = stage_small(tmp_path / "source", "MobileNetV2")
    (source / FILES[1]).write_bytes(b"half")
    assert stage(tmp_path / "folder", "--backbones", *NAMES, "--from", source) == 2
    shown = capsys.readouterr()
    assert f"damaged: in {source}: truncated or none of Keras' weight files" in shown.err
    assert (tmp_path / "folder" / FILES[0]).is_file()
    assert not (tmp_path / "folder" / FILES[1]).exists()


def test_by_default_the_roster_is_staged(tmp_path, capsys, refused):
    assert stage(tmp_path, "--format", "json") == 2
    wanted = [name for name, record in BACKBONES.items() if record.in_roster]
    assert list(states(capsys)) == wanted
    assert len(wanted) == 13


def test_a_table_for_people(tmp_path, capsys):
    source = stage_small(tmp_path / "source", *NAMES)
    assert stage(tmp_path / "folder", "--backbones", *NAMES, "--from", source) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "backbone", "size", "state"]
    assert lines[1].split()[:2] == [FILES[0], "MobileNetV2"]
    assert lines[1].endswith("copied")
    assert lines[-1] == f"2 of 2 files are whole in {tmp_path / 'folder'}"


def test_an_unknown_backbone_is_told_with_the_nearest(tmp_path, capsys):
    assert stage(tmp_path / "folder", "--backbones", "VGG-16") == 2
    assert "received 'VGG-16'. Did you mean VGG16?" in capsys.readouterr().err
    assert not (tmp_path / "folder").exists()


def test_a_folder_to_copy_from_must_be_there(tmp_path, capsys):
    assert stage(tmp_path / "folder", "--from", tmp_path / "absent") == 2
    assert f"there is no folder {tmp_path / 'absent'}" in capsys.readouterr().err
    assert not (tmp_path / "folder").exists()


def test_a_listing_that_cannot_be_read_ends_it(tmp_path, capsys):
    (tmp_path / "weights.json").write_text("{")
    assert stage(tmp_path, "--backbones", "VGG16") == 2
    assert "must be what `neurosweep weights stage` writes" in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_told(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert stage(tmp_path / "file", "--backbones", "VGG16") == 2
    assert "a folder that can be written" in capsys.readouterr().err


def test_a_full_disk_is_told_and_leaves_no_half_file(tmp_path, monkeypatch):
    source = stage_small(tmp_path / "source", "VGG16")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(filling.shutil, "copyfileobj", full)
    with pytest.raises(NeurosweepError, match="the disk is full") as told:
        filling.fill(tmp_path / "folder", [BACKBONES["VGG16"]], source=source)
    assert told.value.exit_code == 1
    assert [path.name for path in (tmp_path / "folder").iterdir() if path.is_file()] == []
