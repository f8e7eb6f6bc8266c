"""Folds: each image that is learned from validates once, the test set never moves."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scans
from neurosweep.errors import DataError
from scans.division.folds import fold_split

PARTS = ("train", "validation", "test", "dropped")


def table(rows: list[tuple[str, int | None]]) -> pa.Table:
    parts = [part for part, _ in rows]
    made = pa.table(
        {
            "file": [f"{number:03}.png" for number in range(len(rows))],
            "label": ["a"] * len(rows),
            "part": pa.array(parts, pa.string()),
            "group": pa.array(range(len(rows)), pa.int32()),
            "fold": pa.array([fold for _, fold in rows], pa.int8()),
        }
    ).sort_by([("part", "ascending"), ("file", "ascending")])
    return made.replace_schema_metadata({b"neurosweep.content": b"hash"})


SMALL = [("train", 0), ("train", 1), ("validation", 0), ("validation", 2), ("test", None)]


def files(split: pa.Table, part: str) -> list[str]:
    return [row["file"] for row in split.to_pylist() if row["part"] == part]


def test_the_fold_validates_and_the_rest_trains():
    divided = fold_split(table([*SMALL, ("dropped", None)]), 0)
    assert files(divided, "validation") == ["000.png", "002.png"]
    assert files(divided, "train") == ["001.png", "003.png"]
    assert files(divided, "test") == ["004.png"]
    assert files(divided, "dropped") == ["005.png"]
    assert divided.schema.metadata == {b"neurosweep.content": b"hash"}
    assert divided.schema == table(SMALL).schema


@pytest.mark.parametrize("fold", [-1, 3, 99])
def test_a_fold_that_is_none_is_refused(fold):
    with pytest.raises(DataError, match=f"folds 0 to 2, but fold {fold} was asked for"):
        fold_split(table(SMALL), fold)


@pytest.mark.parametrize(
    "split",
    [
        table([("train", None), ("validation", None)]),
        table([("train", 0), ("validation", None)]),
        table(SMALL).drop_columns("fold"),
        table([("test", None)]),
    ],
)
def test_a_split_without_folds_is_refused(split):
    with pytest.raises(DataError, match="this split has none; begin a new run with data.folds set"):
        fold_split(split, 0)


rows_of_three_folds = st.lists(
    st.sampled_from(PARTS).flatmap(
        lambda part: st.tuples(st.just(part), st.integers(0, 2) if part in PARTS[:2] else st.none())
    ),
    max_size=30,
).map(lambda rows: [("train", 0), ("train", 1), ("validation", 2), *rows])


@given(rows_of_three_folds)
def test_every_image_validates_once_and_trains_in_the_other_rounds(rows):
    split = table(rows)
    learned = sorted(files(split, "train") + files(split, "validation"))
    rounds = [fold_split(split, fold) for fold in range(3)]
    assert sorted(file for one in rounds for file in files(one, "validation")) == learned
    for one in rounds:
        assert sorted(files(one, "train") + files(one, "validation")) == learned
        assert files(one, "test") == files(split, "test")
        assert files(one, "dropped") == files(split, "dropped")
        order = [(row["part"], row["file"]) for row in one.to_pylist()]
        assert order == sorted(order)


def test_a_round_opens_as_a_data_set_with_statistics_of_its_own(source):
    manifest = scans.read_manifest(source.root)
    split = scans.divide(manifest, scans.Division(validation=0.2, seed=0, folds=2))
    first, second = (
        scans.open_dataset(
            replace(source, split=fold_split(split, fold)), image_size=8, color="grey"
        )
        for fold in (0, 1)
    )
    assert set(first.validation) == set(second.train)
    np.testing.assert_array_equal(first.test, second.test)
    assert first.mean != second.mean
