"""The split: sizes, strata, determinism."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neurosweep.errors import DataError
from scans.manifest import read_manifest
from scans.split import split


def _counts(table: pa.Table) -> Counter:
    return Counter(zip(table["part"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_training_is_split_and_testing_kept(two_parts):
    table = split(read_manifest(two_parts), 0.2, 0)
    assert _counts(table) == {
        ("train", "a"): 8,
        ("train", "b"): 8,
        ("validation", "a"): 2,
        ("validation", "b"): 2,
        ("test", "a"): 3,
        ("test", "b"): 3,
    }
    test = [row["file"] for row in table.to_pylist() if row["part"] == "test"]
    assert all(file.startswith("Testing/") for file in test)


def test_one_folder_loses_a_fifth_to_the_test_first(write_images):
    table = split(read_manifest(write_images({"a": 50, "b": 25})), 0.2, 0)
    assert _counts(table) == {
        ("test", "a"): 10,
        ("test", "b"): 5,
        ("validation", "a"): 8,
        ("validation", "b"): 4,
        ("train", "a"): 32,
        ("train", "b"): 16,
    }


def test_rows_are_sorted_and_each_file_stands_once(two_parts):
    rows = [
        (row["part"], row["file"]) for row in split(read_manifest(two_parts), 0.2, 0).to_pylist()
    ]
    assert rows == sorted(rows)
    assert len({file for _, file in rows}) == 26


def test_the_seed_chooses(two_parts):
    manifest = read_manifest(two_parts)
    assert split(manifest, 0.2, 1).equals(split(manifest, 0.2, 1))
    assert not split(manifest, 0.2, 1).equals(split(manifest, 0.2, 0))


def test_it_survives_a_parquet_file(two_parts, tmp_path):
    table = split(read_manifest(two_parts), 0.2, 0)
    pq.write_table(table, tmp_path / "split.parquet")
    again = pq.read_table(tmp_path / "split.parquet")
    assert again.equals(table, check_metadata=True)


@pytest.mark.parametrize("validation", [0, 1, -0.1, 1.5])
def test_a_share_out_of_range(two_parts, validation):
    with pytest.raises(DataError, match=rf"between 0 and 1, but it is {validation}"):
        split(read_manifest(two_parts), validation, 0)


def test_too_few_images_to_split(write_images):
    manifest = read_manifest(write_images({"a": 9, "b": 1}))
    with pytest.raises(DataError, match=r"some of every class, but there are only: a 9, b 1"):
        split(manifest, 0.2, 0)
