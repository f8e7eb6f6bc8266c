"""The first stage: what is written of the data, and what is said of them."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import scans
from neurosweep.errors import DataError
from search.experiment import Data
from search.runs.run_directory import RunDirectory
from search.stages.prepare import prepare, recorded_division


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    """Two classes: twenty pictures each to train on, five each to test on."""
    random = np.random.default_rng(0)
    for part, count in (("Training", 20), ("Testing", 5)):
        for label in ("a", "notumor"):
            folder = tmp_path / "data" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (40, 40), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return tmp_path / "data"


@pytest.fixture
def leaky(root):
    """An exact twin of a training image in the test part, and a near one."""
    shutil.copy(root / "Training/a/00.png", root / "Testing/a/exact.png")
    with Image.open(root / "Training/a/01.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "Testing/a/near.png")
    return root


def _prepare(tmp_path, root, **data):
    run = RunDirectory.create(tmp_path / "run", {"name": "test"})
    with run:
        source, said = prepare(run, Data(path=root, **data), seed=0)
    return run, source, said


def _parts(source):
    table = source.split
    return dict(zip(table["file"].to_pylist(), table["part"].to_pylist(), strict=True))


def test_clean_data_are_told_in_a_line(tmp_path, root):
    run, source, said = _prepare(tmp_path, root)
    assert said == ["50 images of 2 classes: 10 test, 32 train, 8 validation"]
    assert run.info["data"]["parts"] == {"test": 10, "train": 32, "validation": 8}
    assert run.info["data"]["clean_test_images"] == 10
    assert run.info["data"]["fingerprint"] == source.fingerprint
    assert json.loads((run.path / "audit.json").read_text())["findings"] == []
    assert not (run.path / "audit").exists()
    columns = pq.read_table(run.path / "manifest.parquet").column_names
    assert {"perceptual_hash", "pixel_hash", "mode", "format"} <= set(columns)


def test_leaks_are_told_and_shown(tmp_path, leaky):
    run, _, said = _prepare(tmp_path, leaky)
    assert said[1] == (
        "2 of 12 test images have a copy in training or validation; test figures are given with "
        "and without them (leaks: keep)"
    )
    assert run.info["data"]["clean_test_images"] == 10
    audit = json.loads((run.path / "audit.json").read_text())
    assert [one["kind"] for one in audit["shown"]] == [
        "exact twins across parts",
        "near twins across parts",
    ]
    for one in audit["shown"]:
        for name in one["pictures"]:
            with Image.open(run.path / name) as picture:
                assert (picture.format, picture.size) == ("PNG", (40, 40))


def test_leaks_are_dropped(tmp_path, leaky):
    run, source, said = _prepare(tmp_path, leaky, leaks="drop")
    assert said[1] == "2 copies of test images were taken out of training and validation"
    parts = _parts(source)
    assert parts["Training/a/00.png"] == parts["Training/a/01.png"] == "dropped"
    assert run.info["data"]["clean_test_images"] == 12
    dataset = scans.open_dataset(source, image_size=16, color="grey")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (30, 8, 12)


def test_a_second_sitting_keeps_the_split(tmp_path, leaky):
    run, source, said = _prepare(tmp_path, leaky, folds=3)
    with RunDirectory.reopen(run.path) as again:
        # Whatever the experiment says now: the split is the one the run began with.
        other, told = prepare(again, Data(path=leaky, validation=0.4), seed=9)
    assert other.split.equals(source.split)
    assert told == said
    assert set(source.split["fold"].to_pylist()) == {None, 0, 1, 2}


def test_other_images_are_refused(tmp_path, root):
    run, *_ = _prepare(tmp_path, root)
    (root / "Training/a/00.png").unlink()
    with (
        RunDirectory.reopen(run.path) as again,
        pytest.raises(DataError, match="are not those this run began with"),
    ):
        prepare(again, Data(path=root), seed=0)


def test_moved_images_are_the_same(tmp_path, root):
    run, source, _ = _prepare(tmp_path, root)
    root.rename(tmp_path / "moved")
    with RunDirectory.reopen(run.path) as again:
        other, _ = prepare(again, Data(path=tmp_path / "moved"), seed=0)
    assert other.root == tmp_path / "moved"
    assert other.fingerprint == source.fingerprint


def test_patients_too_large_for_the_share_are_told(tmp_path, root):
    rows = [
        f"Training/{label}/{number:02}.png,{label}{number // 10}"
        for label in ("a", "notumor")
        for number in range(20)
    ]
    (tmp_path / "patients.csv").write_text("\n".join(["file,group", *rows]))
    run, _, said = _prepare(tmp_path, root, groups=tmp_path / "patients.csv")
    assert said[1] == (
        "groups are too large to validate on 20% of each class: a 50.0%, notumor 50.0%"
    )
    assert run.info["data"]["groups"] == str(tmp_path / "patients.csv")
    audit = json.loads((run.path / "audit.json").read_text())
    assert audit["groups_file"] == str(tmp_path / "patients.csv")


def test_unreadable_files_are_named(tmp_path, root):
    for number in range(7):
        (root / f"Training/a/{number}.jpg").write_text("no image")
    _, _, said = _prepare(tmp_path, root)
    assert said[1].startswith("7 unreadable files left out: Training/a/0.jpg, ")
    assert said[1].endswith("and 2 more (audit.json lists them)")


def test_what_is_recorded_beside_a_model_divides_the_images_again(tmp_path, leaky):
    from search.experiment import Experiment

    _, source, _ = _prepare(tmp_path, leaky, leaks="drop")
    experiment = Experiment(data=Data(path=leaky, leaks="drop"))
    how = recorded_division(experiment, source.split)
    division = scans.Division(
        validation=how["validation"], seed=how["seed"], drop_leaks=how["leaks"] == "drop"
    )
    table = scans.divide(scans.read_manifest(leaky), division)
    assert scans.parts_hash(table) == how["parts"]
