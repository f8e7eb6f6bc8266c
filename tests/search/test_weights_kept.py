from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_display import record

from neurosweep.errors import RunDirectoryError
from reports import Status
from reports.ranking import Ranking
from search.books.weights_kept import (
    Finalists,
    WeightsKept,
    finalists_of,
    has_weights,
    load_weights,
    save_weights,
)
from search.runs.run_directory import RunDirectory


def test_weights_come_back_as_they_went_in(tmp_path):
    weights = [np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(2.5).reshape(())]
    with RunDirectory.create(tmp_path / "run", {}) as run:
        save_weights(run, "t0000", weights)
        for before, after in zip(weights, load_weights(run, "t0000"), strict=True):
            assert after.dtype == before.dtype
            np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not an archive"])
def test_damaged_weights_are_named_with_the_way_to_have_them_again(tmp_path, content):
    with RunDirectory.create(tmp_path / "run", {}) as run:
        run.trial("t0000")
        run.write("trials/t0000/weights.npz", content)
        with pytest.raises(RunDirectoryError, match="weights of t0000 .* cannot be read.*rerun"):
            load_weights(run, "t0000")


def test_the_best_come_first_and_ties_go_to_the_lower_loss_then_the_earlier():
    a = replace(record(0, Status.COMPLETED, 0.9, ""), val_loss=0.4)
    b = replace(record(1, Status.COMPLETED, 0.9, ""), val_loss=0.3)
    c = replace(record(2, Status.COMPLETED, 0.9, ""), val_loss=0.3)
    d = record(3, Status.PRUNED, 0.99, "")
    assert [r.trial_id for r in Ranking().ranked([d, c, a, b])] == ["t0001", "t0002", "t0000"]


def test_finalists_have_the_best_of_each_family():
    good = [record(n, Status.COMPLETED, 0.9 - n / 100, "") for n in range(3)]
    other = replace(record(9, Status.COMPLETED, 0.1, ""), family="mini_vgg")
    assert [r.trial_id for r in finalists_of([other, *good], 2, Ranking())] == [
        "t0000",
        "t0001",
        "t0009",
    ]


drawn = st.lists(
    st.tuples(
        st.sampled_from(Status), st.sampled_from([None, 0.1, 0.5, 0.9]), st.sampled_from("abc")
    ),
    max_size=30,
)


@given(drawn, st.integers(0, 4))
def test_finalists_kept_up_to_date_are_those_of_all_records(trials, count):
    finalists, records = Finalists(count, Ranking()), []
    for number, (status, accuracy, family) in enumerate(trials):
        new = replace(record(number, status, accuracy, ""), family=family)
        records.append(new)
        names = {one.trial_id for one in finalists_of(records, count, Ranking())}
        assert finalists.would_hold(new) == (new.trial_id in names)
        finalists.add(new)
        assert finalists.names == names


def test_weights_of_those_who_are_finalists_no_longer_go_when_the_better_one_counts(tmp_path):
    with RunDirectory.create(tmp_path / "run", {}) as run:
        kept = WeightsKept(run, 1, Ranking())
        for number, accuracy in enumerate((0.5, 0.4, 0.7)):
            one = record(number, Status.COMPLETED, accuracy, "")
            kept.consider(one, lambda: [np.ones(2)])
            there = [has_weights(run, f"t000{n}") for n in range(3)]
            kept.tidy(one)
        assert there == [True, False, True]
        assert [has_weights(run, f"t000{n}") for n in range(3)] == [False, False, True]


def test_a_resumed_run_drops_what_an_earlier_one_kept_too_long(tmp_path):
    with RunDirectory.create(tmp_path / "run", {}) as run:
        records = [record(n, Status.COMPLETED, 0.5 + n / 10, "") for n in range(3)]
        for one in records:
            save_weights(run, one.trial_id, [np.ones(2)])
        kept = WeightsKept(run, 1, Ranking())
        kept.resume(records)
        kept.tidy(record(3, Status.COMPLETED, 0.1, ""))
        assert [has_weights(run, one.trial_id) for one in records] == [False, False, True]
