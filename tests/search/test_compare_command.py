"""`neurosweep compare`, and `leaderboard` of several runs, here and on an object store."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_doubles import record_of, stage_run

from search.cli import main
from search.mirror.store import Store
from search.stages.publish import publish_tables

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
IMAGES = 40


def _split() -> pa.Table:
    rows = [
        (part, CLASSES[n % 4], n) for part in ("train", "validation", "test") for n in range(IMAGES)
    ]
    return pa.table(
        {
            "file": [f"{part}/{label}/{number}.png" for part, label, number in rows],
            "label": [label for _, label, _ in rows],
            "part": [part for part, _, _ in rows],
            "group": list(range(len(rows))),
        }
    )


def _predictions(wrong: range) -> np.ndarray:
    labels = np.arange(IMAGES) % 4
    labels[list(wrong)] = (labels[list(wrong)] + 1) % 4
    return np.eye(4, dtype=np.float32)[labels]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _run(path: Path, *wrong: range) -> Path:
    """A run directory with a trial for each list of wrong answers, as a search leaves it."""
    made = stage_run(path, split=_split())
    with made.directory as directory:
        pq.write_table(_split(), directory.path / "split.parquet")
        facts = {"fingerprint": "f" * 16, "classes": list(CLASSES), "negative_class": "notumor"}
        directory.update(state="finished", data=facts, began="2026-11-25T10:00:00+00:00")
        for number, missed in enumerate(wrong):
            name = f"t{number:04d}"
            record = record_of(made, name, accuracy=1 - len(missed) / IMAGES)
            recipe = json.loads((directory.path / f"trials/{name}/record.json").read_text())
            np.save(directory.path / f"trials/{name}/validation.npy", _predictions(missed))
            directory.count(replace(record, parameters=1000 - number), **recipe)
        publish_tables(directory)
    return directory.path


@pytest.fixture
def runs(tmp_path) -> tuple[str, str]:
    first = _run(tmp_path / "first", range(3), range(4), range(30))
    second = _run(tmp_path / "second", range(2, 14))
    return str(first), str(second)


def _put(run: str, place: str) -> str:
    store = Store(place)
    for path in sorted(Path(run).rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_file() and not name.startswith("."):
            store.put(name, path.read_bytes())
    return place


@pytest.fixture
def on_store(tmp_path, runs) -> tuple[str, str]:
    (tmp_path / "store").mkdir()
    places = [f"file://{tmp_path}/store/{name}" for name in ("one", "two")]
    return _put(runs[0], places[0]), _put(runs[1], places[1])


def told(capsys, *words: str) -> str:
    assert main(list(words)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_run_that_ended_has_its_statistics(runs, capsys):
    kept = json.loads((Path(runs[0]) / "statistics.json").read_text())
    assert kept["tie_groups"] == {"t0000": 1, "t0001": 1, "t0002": 2}
    rows = json.loads(told(capsys, "leaderboard", runs[0], "--format", "json"))
    assert [row["tie_group"] for row in rows] == [1, 1, 2]
    assert rows[0]["val_accuracy_corrected"] == kept["choice"]["estimate"]
    text = " ".join(told(capsys, "leaderboard", runs[0], "--top", "1").split())
    assert "The cheapest of them is rank 2, mini_resnet, trial t0001: 999 weights." in text


def test_two_winners_are_compared(runs, capsys):
    found = json.loads(told(capsys, "compare", *runs, "--format", "json"))
    assert (found["images"], found["first"]["run"], found["second"]["run"]) == (
        IMAGES,
        "first",
        "second",
    )
    assert (found["first"]["right_alone"], found["second"]["right_alone"]) == (11, 2)
    assert "11 images" in told(capsys, "compare", *runs)
    assert told(capsys, "compare", *runs, "--format", "markdown").startswith(
        "|  | first | second |"
    )


def test_a_comparison_reads_the_winners_predictions_and_no_others(on_store, runs, gets, capsys):
    here = json.loads(told(capsys, "compare", *runs, "--format", "json"))
    gets.clear()
    there = json.loads(told(capsys, "compare", *on_store, "--format", "json"))
    assert [name for name in gets if name.endswith(".npy")] == ["trials/t0000/validation.npy"] * 2
    assert "manifest.parquet" not in gets
    for side, name in (("first", "one"), ("second", "two")):
        assert there[side].pop("run") == name
        here[side].pop("run")
    assert there == here


def test_a_leaderboard_on_a_store_reads_no_predictions_where_statistics_are_kept(
    on_store, runs, gets, capsys
):
    rows = json.loads(told(capsys, "leaderboard", on_store[0], "--format", "json"))
    assert not [name for name in gets if name.endswith(".npy")]
    assert "statistics.json" in gets
    assert rows == json.loads(told(capsys, "leaderboard", runs[0], "--format", "json"))


def test_a_leaderboard_on_a_store_reads_predictions_where_none_are_kept(
    on_store, runs, gets, capsys
):
    Store(on_store[0]).delete("statistics.json")
    rows = json.loads(told(capsys, "leaderboard", on_store[0], "--format", "json"))
    assert len([name for name in gets if name.endswith("validation.npy")]) == 3
    assert rows == json.loads(told(capsys, "leaderboard", runs[0], "--format", "json"))


def test_several_runs_stand_side_by_side(runs, on_store, capsys):
    rows = json.loads(told(capsys, "leaderboard", *runs, "--format", "json"))
    assert [(row["run"], row["rank"]) for row in rows] == [
        ("first", 1),
        ("first", 2),
        ("second", 1),
        ("first", 3),
    ]
    for words in (["--format", "csv"], ["--format", "markdown"], ["--columns", "run,rank"]):
        assert "second" in told(capsys, "leaderboard", *runs, *words)
    text = told(capsys, "leaderboard", runs[0], on_store[1], "--sort", "seconds", "--top", "3")
    assert max(map(len, text.splitlines())) <= 80


def test_runs_with_folders_of_one_name_go_by_what_was_given(tmp_path, runs, capsys):
    again = _run(tmp_path / "elsewhere" / "first", range(5))
    rows = json.loads(told(capsys, "leaderboard", runs[0], str(again), "--format", "json"))
    assert {row["run"] for row in rows} == {runs[0], str(again)}


@pytest.mark.parametrize("command", ["leaderboard", "compare"])
def test_the_same_run_twice_is_refused(runs, capsys, command):
    assert main([command, runs[0], f"{runs[0]}/"]) == 2
    assert "each run stands in the list once; received" in capsys.readouterr().err


def test_bad_input_has_a_message_and_an_exit_code(tmp_path, runs, capsys):
    _run(tmp_path / "empty")
    (Path(runs[1]) / "trials/t0000/validation.npy").write_bytes(b"no array")
    for words, message in (
        ([runs[0], str(tmp_path / "absent")], "a run directory is a folder with a run.yaml in it"),
        ([runs[0], str(tmp_path / "empty")], "a winner is the best completed trial of a run"),
        ([*runs, "--part", "test"], "has not opened it for its winner"),
        (list(runs), "must hold 40 x 4 probabilities"),
    ):
        assert main(["compare", *words]) == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert captured.out == ""


def test_damaged_predictions_leave_the_leaderboard_readable(runs, capsys):
    (Path(runs[0]) / "trials/t0001/validation.npy").write_bytes(b"no array")
    rows = json.loads(told(capsys, "leaderboard", runs[0], "--format", "json"))
    assert [row["tie_group"] for row in rows] == [1, None, 2]
    text = " ".join(told(capsys, "leaderboard", runs[0]).split())
    assert "1 of the first 3 rows have no tie group" in text
    assert "must hold 40 x 4 probabilities" in text
