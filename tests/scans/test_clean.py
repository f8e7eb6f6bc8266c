"""Clean test images: by hand-made tables, and against the definition said another way."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scans.division.clean import clean_test_rows

PARTS = ("train", "validation", "test", "dropped")


def table(*rows: tuple[str, int]) -> pa.Table:
    parts, groups = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"part": pa.array(parts, pa.string()), "group": pa.array(groups, pa.int32())})


def test_relatives_of_what_was_trained_or_validated_on_are_not_clean():
    split = table(("test", 1), ("test", 2), ("test", 3), ("train", 1), ("validation", 3))
    np.testing.assert_array_equal(clean_test_rows(split), [False, True, False])


def test_dropped_twins_taught_nothing():
    split = table(("dropped", 1), ("test", 1), ("train", 2))
    np.testing.assert_array_equal(clean_test_rows(split), [True])


def test_relatives_inside_the_test_set_do_not_matter():
    split = table(("test", 7), ("test", 7), ("train", 2))
    np.testing.assert_array_equal(clean_test_rows(split), [True, True])


def test_a_split_without_groups_claims_nothing():
    assert clean_test_rows(table(("test", 1)).drop_columns("group")) is None


def test_no_test_image_gives_no_flag():
    flags = clean_test_rows(table(("train", 1)))
    assert flags is not None
    assert flags.shape == (0,)
    assert flags.dtype == np.bool_


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.integers(0, 6)), max_size=40))
def test_a_flag_is_what_the_definition_says(rows):
    flags = clean_test_rows(table(*rows))
    learned = {group for part, group in rows if part in ("train", "validation")}
    assert flags is not None
    assert flags.tolist() == [group not in learned for part, group in rows if part == "test"]
