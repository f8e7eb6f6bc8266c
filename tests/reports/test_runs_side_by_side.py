"""Leaderboards of several runs in one list."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun, fake_run

from reports import Run, build_leaderboard, column_names, read_run, render_rows, select_rows
from reports.parquet import FIXED_COLUMNS
from reports.several import SideBySide, side_by_side


def _fake() -> FakeRun:
    made = fake_run()
    made.predictions = True
    return made


@pytest.fixture
def first(tmp_path: Path) -> Run:
    return read_run(_fake().write(tmp_path / "first"))


@pytest.fixture
def second(tmp_path: Path) -> Run:
    fake = _fake()
    fake.records = fake.records[:9]
    fake.finalists, fake.folds = [], {}
    fake.info["state"] = "running"
    return read_run(fake.write(tmp_path / "second"))


@pytest.fixture
def both(first: Run, second: Run) -> SideBySide:
    return side_by_side({"first": first, "second": second})


def test_runs_of_the_same_images_stand_in_one_order(both: SideBySide):
    ranked = [row for row in both.rows if row.rank is not None]
    accuracies = [row.val_accuracy for row in ranked]
    assert accuracies == sorted(accuracies, reverse=True)
    assert list(both.rows[: len(ranked)]) == ranked
    assert {row.run for row in ranked[:4]} == {"first", "second"}
    assert both.notes[0].startswith("The runs have the same images and split")


def test_each_row_keeps_the_rank_and_the_group_of_its_own_run(
    both: SideBySide, first: Run, second: Run
):
    for name, run in (("first", first), ("second", second)):
        told = {row.trial_id: (row.rank, row.tie_group) for row in both.rows if row.run == name}
        own = {row.trial_id: (row.rank, row.tie_group) for row in build_leaderboard(run)}
        assert told == own
    assert sum(row.rank == 1 for row in both.rows) == 2


@pytest.mark.parametrize("what", ["other images", "another split", "no split"])
def test_runs_that_do_not_compare_stand_one_after_the_other(first: Run, second: Run, what: str):
    if what == "other images":
        second.info["data"]["fingerprint"] = "e" * 64
    else:
        path = second.path / "split.parquet"
        table = pq.read_table(path)
        parts = table["part"].to_pylist()
        learned, held = parts.index("train"), parts.index("validation")
        parts[learned], parts[held] = parts[held], parts[learned]
        place = table.column_names.index("part")
        pq.write_table(table.set_column(place, "part", pa.array(parts)), path)
        if what == "no split":
            path.unlink()
    found = side_by_side({"a": first, "b": read_run(second.path) if "split" in what else second})
    runs = [row.run for row in found.rows]
    assert runs == sorted(runs)
    assert found.notes[0].startswith("The runs have other images or another split")


def test_a_run_without_a_row_has_no_say(first: Run, tmp_path: Path):
    fake = _fake()
    fake.records, fake.finalists, fake.folds = [], [], {}
    fake.info["data"]["fingerprint"] = "another"
    empty = read_run(fake.write(tmp_path / "empty"))
    found = side_by_side({"empty": empty, "first": first})
    assert {row.run for row in found.rows} == {"first"}
    assert not any("other images" in note for note in found.notes)
    assert "empty: No trial has completed: there is nothing to compare." in found.notes


def test_choosing_by_test_figures_of_several_runs_is_warned_of(
    first: Run, second: Run, tmp_path: Path
):
    def warned(other: Run) -> bool:
        notes = side_by_side({"first": first, "other": other}).notes
        return any("has used the test set for choosing" in note for note in notes)

    assert not warned(second)
    assert warned(read_run(_fake().write(tmp_path / "tested")))


def test_notes_name_their_run(both: SideBySide):
    for name in ("first", "second"):
        assert any(note.startswith(f"{name}: Tie group 1 has") for note in both.notes)


def test_the_table_has_a_column_of_runs_and_fits_eighty_columns(both: SideBySide):
    text = render_rows(both.rows, told=both.notes)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[1].split()[:4] == ["run", "#", "tie", "trial"]
    assert text.splitlines()[3].split()[:4] == ["first", "1", "1", "0010-ft"]


def test_a_long_name_of_a_run_is_folded(first: Run, second: Run):
    found = side_by_side({"brain-mri-small-2026-11-30-05-28-36": first, "b\x1b[31m": second})
    text = render_rows(found.rows, told=found.notes)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_markdown_csv_and_json_have_the_column_first(both: SideBySide):
    assert render_rows(both.rows, "markdown").startswith("| run | rank | tie group |")
    read = list(csv.DictReader(io.StringIO(render_rows(both.rows, "csv"))))
    assert tuple(read[0]) == column_names(both.rows)
    assert next(iter(read[0])) == "run"
    objects = json.loads(render_rows(both.rows, "json"))
    assert tuple(objects[0]) == ("run", *FIXED_COLUMNS)
    assert [one["run"] for one in objects] == [row.run for row in both.rows]


def test_rows_of_one_run_have_no_such_column(first: Run):
    rows = build_leaderboard(first)
    assert "run" not in column_names(rows)
    assert "run" not in json.loads(render_rows(rows, "json"))[0]


def test_rows_are_chosen_and_sorted_as_those_of_one_run(both: SideBySide):
    chosen = select_rows(both.rows, where="run = second and status = completed", sort="seconds")
    assert {row.run for row in chosen} == {"second"}
    assert [row.seconds for row in chosen] == sorted(row.seconds for row in chosen)
    assert {row.run for row in select_rows(both.rows, family="mini_vgg")} == {"first", "second"}
    text = render_rows(select_rows(both.rows, sort="run:desc", top=2), columns=["run", "rank"])
    assert [line.split() for line in text.splitlines()[2:4]] == [["second", "1"], ["second", "2"]]
