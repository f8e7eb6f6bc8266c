"""The data set: rows, labels and statistics agree with what was written."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import scans
from neurosweep.errors import DataError


@pytest.fixture
def dataset(source) -> scans.Dataset:
    return scans.open_dataset(source, image_size=8, color="grey")


def test_rows_are_the_files_decoded(source, dataset):
    for row in (0, 13, 25):
        alone = scans.decode(source.root / dataset.files[row], image_size=8, color="grey")
        np.testing.assert_array_equal(dataset.images[row], alone)


def test_labels_are_the_class_folders(dataset):
    assert dataset.classes == ("a", "b")
    assert [file.split("/")[1] for file in dataset.files] == [
        dataset.classes[label] for label in dataset.labels
    ]


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_parts_are_in_the_order_of_the_split(source, dataset, part):
    wanted = [row["file"] for row in source.split.to_pylist() if row["part"] == part]
    assert [dataset.files[row] for row in getattr(dataset, part)] == wanted


def test_every_image_is_in_one_part(dataset):
    rows = np.concatenate([dataset.train, dataset.validation, dataset.test])
    assert sorted(rows) == list(range(26))
    assert rows.dtype == dataset.labels.dtype == np.int64


def test_dropped_images_stay_in_the_cache_and_are_of_no_part(source, dataset):
    parts = source.split["part"].to_pylist()
    gone = parts.index("train")
    parts[gone] = "dropped"
    split = source.split.set_column(2, "part", pa.array(parts))
    without = scans.open_dataset(replace(source, split=split), image_size=8, color="grey")
    row = dataset.files.index(source.split["file"][gone].as_py())
    assert without.files == dataset.files
    np.testing.assert_array_equal(without.images, dataset.images)
    assert sorted(without.train) == sorted(set(dataset.train) - {row})
    for part in ("validation", "test"):
        np.testing.assert_array_equal(getattr(without, part), getattr(dataset, part))
    assert without.mean != dataset.mean


@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_statistics_are_of_the_training_part_only(source, color):
    dataset = scans.open_dataset(source, image_size=8, color=color)
    train = dataset.images[dataset.train].astype(float)
    np.testing.assert_allclose(dataset.mean, train.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(dataset.std, train.std(axis=(0, 1, 2)), rtol=1e-6)
    assert dataset.mean.dtype == dataset.std.dtype == np.float32
    assert not np.allclose(dataset.mean, dataset.images.mean(), rtol=1e-6)


def test_a_channel_that_never_varies_can_be_divided_by(write_images, tmp_path):
    from PIL import Image

    root = write_images({"a": 5, "b": 5})
    for path in root.glob("*/*.png"):
        Image.new("L", (4, 4), 7).save(path)
    manifest = scans.read_manifest(root)
    # All are one picture: as copies they could not be divided.
    groups = np.arange(10, dtype=np.int32)
    split = scans.split(manifest, groups, scans.Division(validation=0.3, seed=0))
    source = scans.Source(
        root=root,
        split=split,
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=False,
        cache=tmp_path / "cache",
    )
    dataset = scans.open_dataset(source, image_size=4, color="grey")
    assert (dataset.mean, dataset.std) == (7, 1)


def test_a_source_can_be_sent_to_a_worker(source, dataset):
    sent = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own bytes
    opened = scans.open_dataset(sent, image_size=8, color="grey")
    np.testing.assert_array_equal(opened.images, dataset.images)
    np.testing.assert_array_equal(opened.train, dataset.train)
    assert opened.fingerprint == dataset.fingerprint == source.fingerprint


def test_an_empty_training_part(source):
    split = source.split.filter(np.array(source.split["part"].to_pylist()) == "test")
    with pytest.raises(DataError, match="training part must hold images, but it is empty"):
        scans.open_dataset(
            replace(source, split=split.replace_schema_metadata(None)), image_size=8, color="grey"
        )


def test_no_size_below_one(source):
    with pytest.raises(DataError, match="at least 1 pixel, but it is -3"):
        scans.open_dataset(source, image_size=-3, color="grey")
