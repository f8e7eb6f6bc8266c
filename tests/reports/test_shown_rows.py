"""The rows that are shown: from the file where it is current, else from the records; the same."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import FakeRun

from neurosweep.errors import RunDirectoryError, UserError
from reports import (
    build_leaderboard,
    load_leaderboard,
    loading,
    read_run,
    render_rows,
    select_rows,
    show_leaderboard,
    show_rows,
    write_leaderboard,
    write_statistics,
)
from reports.parquet import StoredLeaderboard

CHOICES = (
    {},
    {"top": 3},
    {"family": "mini_resnet", "top": 2},
    {"sort": "seconds"},
    {"sort": "test_accuracy"},
    {"sort": "hp.training/learning_rate:desc", "top": 4},
    {"where": "training/optimizer = sgd and parameters < 1e6", "sort": "val_loss"},
    {"where": "backbone != null"},
    {"where": "training/augmentation = true", "sort": "trial_id:desc"},
    {"sort": "stage", "where": "probe = null"},
)


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    """A run with its leaderboard beside it."""
    made = fake.write(tmp_path / "run")
    keep(made)
    return made


def keep(path: Path, notes: Sequence[str] = ()) -> None:
    """Write what a search writes at its end."""
    run = read_run(path)
    write_statistics(run)
    write_leaderboard(build_leaderboard(run), path / "leaderboard.parquet", notes)


@pytest.fixture
def from_file(monkeypatch):
    """Fails whatever reads the records."""

    def refuse(path):
        raise AssertionError("the records were read")

    monkeypatch.setattr(loading, "read_run", refuse)


@pytest.mark.parametrize("choice", CHOICES)
def test_rows_of_the_file_are_those_of_the_records(path: Path, from_file, choice):
    every = build_leaderboard(read_run(path))
    shown = show_leaderboard(path, **choice)
    assert shown.rows == select_rows(every, **choice)
    without = {name: value for name, value in choice.items() if name != "top"}
    assert shown.left_out == len(select_rows(every, **without)) - len(shown.rows)


def test_rows_that_are_made_already_are_shown_in_the_same_way(path: Path):
    every = build_leaderboard(read_run(path))
    shown = show_rows(every, ("said",), sort="val_accuracy", top=3)
    assert shown.rows == show_leaderboard(path, sort="val_accuracy", top=3).rows
    assert (shown.notes, shown.left_out) == (("said",), len(every) - 3)


def test_what_must_be_said_of_the_rows_stands_in_their_file(path: Path, from_file):
    keep(path, ["Über 10 ✓"])
    assert show_leaderboard(path, top=1).notes == ("Über 10 ✓",)


def test_a_hyperparameter_of_several_kinds_is_compared_as_what_it_is(fake: FakeRun, tmp_path: Path):
    values = [1, 0.5, "auto", True]
    fake.records = [
        replace(record, hyperparameters={"width": value})
        for record, value in zip(fake.records, values, strict=False)
    ]
    fake.finalists, fake.folds = [], {}
    path = fake.write(tmp_path / "run")
    every = build_leaderboard(read_run(path))
    keep(path)
    assert show_leaderboard(path, sort="width").rows == select_rows(every, sort="width")
    with pytest.raises(UserError, match="compares text with text"):
        show_leaderboard(path, where="width < 3")


def test_no_other_row_is_made_than_those_that_are_shown(path: Path, from_file, monkeypatch):
    made = []
    monkeypatch.setattr(StoredLeaderboard, "rows", lambda _, places: made.extend(places) or [])
    show_leaderboard(path, top=2, sort="seconds")
    assert len(made) == 2


SOURCES = ["trials.jsonl", "evaluation.json", "run.yaml", "split.parquet", "statistics.json"]


@pytest.mark.parametrize("name", SOURCES)
def test_the_file_is_left_alone_once_something_is_newer(path: Path, name):
    newer = (path / "leaderboard.parquet").stat().st_mtime_ns + 1
    os.utime(path / name, ns=(newer, newer))
    (path / "leaderboard.parquet").write_bytes(b"not looked at")
    os.utime(path / "leaderboard.parquet", ns=(newer - 1, newer - 1))
    assert load_leaderboard(path) == build_leaderboard(read_run(path))


def test_statistics_that_were_deleted_are_worked_out_anew(path: Path):
    keep(path, ["of the file"])
    assert show_leaderboard(path).notes == ("of the file",)
    (path / "statistics.json").unlink()
    assert show_leaderboard(path).notes != ("of the file",)


def test_deleted_weights_are_not_named(fake: FakeRun, tmp_path: Path):
    path = fake.write(tmp_path / "run")
    weights = path / "trials" / "0010" / "weights.npz"
    weights.write_bytes(b"made up")
    keep(path)
    choice = {"where": "weights_place != null"}
    assert [row.trial_id for row in show_leaderboard(path, **choice).rows] == ["0010"]
    weights.unlink()
    assert show_leaderboard(path, **choice).rows == []


def test_a_file_of_an_earlier_version_is_not_taken_for_all_there_is(path: Path):
    import pyarrow.parquet as pq

    file = path / "leaderboard.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["test_macro_f1"]), file)
    (best,) = show_leaderboard(path, sort="test_macro_f1", top=1).rows
    assert best.test_macro_f1 is not None


def test_a_damaged_file_is_told_with_the_way_out(path: Path):
    file = path / "leaderboard.parquet"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(RunDirectoryError, match="Delete it: `neurosweep leaderboard RUN`"):
        show_leaderboard(path)
    file.unlink()
    assert show_leaderboard(path).rows


def test_a_number_of_rows_below_one_is_refused(path: Path):
    with pytest.raises(UserError, match="from 1; received 0"):
        show_leaderboard(path, top=0)


COLUMNS = (
    ("val_macro_f1", [0.9, 0.8, 0.7]),
    ("val_roc_auc", [0.9, 0.8, 0.7]),
    ("val_calibration_error", [0.1, 0.2, 0.3]),
    ("val_calibration_error_scaled", [0.1, 0.2, 0.3]),
    ("val_missed_positives", [0, 1, 2]),
)


@pytest.mark.parametrize(("column", "best_first"), COLUMNS)
def test_the_best_stands_first(rows, column, best_first):
    worst_first = zip(rows, reversed(best_first), strict=False)
    changed = [replace(row, **{column: value}) for row, value in worst_first]
    found = select_rows(changed, sort=column)
    assert [getattr(row, column) for row in found] == best_first
    assert str(best_first[0]) in render_rows(found[:1], columns=[column])


@pytest.mark.parametrize("column", ["test_macro_f1", "test_macro_f1_clean", "test_accuracy_low"])
def test_the_best_of_the_test_set_stands_first(rows, column):
    known = [getattr(row, column) for row in select_rows(rows, sort=column)]
    filled = [value for value in known if value is not None]
    assert filled == sorted(filled, reverse=True)
    assert len(set(filled)) > 1


@pytest.mark.parametrize(
    "column", ["missed_positives_share", "missed_positives_high", "model_bytes"]
)
def test_what_is_to_be_small_goes_upwards(rows, column):
    known = [getattr(row, column) for row in select_rows(rows, sort=column)]
    filled = [value for value in known if value is not None]
    assert filled == sorted(filled)
    assert len(set(filled)) > 1
