"""Runs on an object store as commands read them, and whole runs copied into a folder."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_doubles import record_of, stage_run

from neurosweep.errors import NeurosweepError, RunDirectoryError, StoreError
from scans.caches.stored import clear_stored, list_stored
from search.cli import main
from search.following.run_status import read_mirrored_status
from search.mirror.lease import LEASE, Lease
from search.mirror.store import Store
from search.predicting import predict_files
from search.runs.fetched_run import FolderOrigin, fetch_run
from search.runs.output import RunUri
from search.runs.reading import RERUN, ROWS, WINNER, at_hand
from search.runs.run_directory import RunDirectory, mirror_of
from search.staging import pulling

SPLIT = {
    "file": ["a", "b", "c"],
    "label": ["glioma", "notumor", "glioma"],
    "part": ["train", "validation", "test"],
    "group": [0, 1, 2],
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(tmp_path):
    """A run directory with two trials, as a search leaves it."""
    made = stage_run(tmp_path / "run", split=pa.table(SPLIT))
    with made.directory as directory:
        for number, accuracy in enumerate((0.8, 0.9)):
            record = record_of(made, f"t{number:04d}", accuracy=accuracy)
            recipe = json.loads((directory.path / f"trials/t{number:04d}/record.json").read_text())
            directory.count(record, **recipe)
        pq.write_table(pa.table(SPLIT), directory.path / "split.parquet")
        directory.write("winner/labels.json", b"[]")
        directory.write("study.journal", b"journal\n")
        directory.write("trials/t0002/state.npz", b"of a trial that runs")
        directory.update(state="finished", name="first", began="2026-11-25T10:00:00+00:00")
    return directory.path


@pytest.fixture(params=["file", "s3"])
def uri(request, tmp_path, run):
    """The same on a store."""
    if request.param == "file":
        (tmp_path / "store").mkdir()
        place = f"file://{tmp_path}/store/runs/first"
    else:
        place = f"s3://{request.getfixturevalue('s3').bucket()}/runs/first"
    store = Store(place)
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_file() and not name.startswith(".") and not name.endswith("state.npz"):
            store.put(name, path.read_bytes())
    return place


def rows(capsys, *words):
    assert main(["leaderboard", *words, "--format", "json"]) == 0
    return [{**row, "run": ""} for row in json.loads(capsys.readouterr().out)]


def test_a_leaderboard_reads_what_it_needs_and_no_more(uri, run, gets, capsys, cache):
    assert rows(capsys, uri) == rows(capsys, str(run))
    assert set(gets) == {"run.yaml", "trials.jsonl", "split.parquet"}
    gets.clear()
    rows(capsys, f"{uri}/")
    assert gets == []
    (stored,) = list_stored(cache)
    assert (stored.kind, stored.root, stored.complete) == ("copy of a run", uri, True)
    assert stored.path.parent == cache / "read-runs"
    assert not (cache / "mirrored-runs").exists()
    clear_stored(cache, [stored.key])
    assert not stored.path.exists()


def test_a_trial_counts_before_its_line_is_there(uri, run, gets, capsys):
    lines = (run / "trials.jsonl").read_bytes().splitlines(keepends=True)
    Store(uri).put("trials.jsonl", lines[0])
    assert rows(capsys, uri) == rows(capsys, str(run))
    assert "trials/t0001/record.json" in gets
    assert "trials/t0000/record.json" not in gets
    gets.clear()
    Store(uri).put("trials.jsonl", b"".join(lines))
    assert len(rows(capsys, uri)) == 2


def test_a_leaderboard_has_the_further_seeds_of_finalists(uri, run, capsys):
    trial_id = rows(capsys, uri)[0]["trial_id"]
    one = {"trial_id": trial_id, "seeds": [4], "accuracies": [0.5], "losses": [1], "seconds": [2]}
    Store(uri).put("repeats.json", json.dumps({"repeats": 2, "finalists": [one]}).encode())
    assert rows(capsys, uri)[0]["repeats"] == 2


def test_what_is_gone_there_is_gone_in_the_copy(uri):
    store = Store(uri)
    store.put("evaluation.json", b"{}")
    path = at_hand(RunUri(uri), ROWS)
    assert (path / "evaluation.json").exists()
    store.delete("evaluation.json")
    at_hand(RunUri(uri), WINNER)
    assert (path / "evaluation.json").exists()  # not looked at
    at_hand(RunUri(uri), ROWS)
    assert not (path / "evaluation.json").exists()


def test_a_rerun_and_a_prediction_read_what_they_need(uri, gets):
    path = at_hand(RunUri(uri), RERUN)
    assert {name for name in gets if name.startswith("trials/")} == {
        "trials/t0000/record.json",
        "trials/t0001/record.json",
    }
    assert at_hand(RunUri(uri), WINNER) == path
    assert (path / "winner/labels.json").read_bytes() == b"[]"
    assert not (path / "study.journal").exists()
    assert at_hand(path, WINNER) == path


def test_a_run_without_a_winner_is_told_by_its_uri(run):
    shutil.rmtree(run / "winner")
    with pytest.raises(RunDirectoryError, match=r"^s3://b/r has no winner.*--output s3://b/r`"):
        predict_files(run, [], named="s3://b/r")


def test_a_report_is_drawn_from_the_copy(uri, capsys, cache):
    assert main(["report", uri, "--format", "markdown"]) == 0
    path = capsys.readouterr().out.strip()
    assert path.startswith(str(cache / "read-runs"))
    assert path.endswith("report.md")


def test_no_run_there(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["leaderboard", f"file://{tmp_path}/empty"]) == 2
    assert "holds no run: there is no run.yaml" in capsys.readouterr().err
    assert main(["leaderboard", f"file://{tmp_path}/missing"]) == 2
    assert "there is no such bucket or folder" in capsys.readouterr().err
    assert main(["fetch", str(tmp_path), str(tmp_path / "copy")]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_the_status_is_as_it_was_mirrored(uri, capsys):
    assert main(["status", uri, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["state"], told["holder"]) == (uri, "finished", None)
    assert told["as_of"].startswith("20")
    assert main(["status", uri]) == 0
    shown = capsys.readouterr().out
    assert uri in shown
    assert "as it was mirrored" in shown


def test_a_run_that_goes_on_is_told_by_its_lease(uri, run):
    store = Store(uri)
    info = (run / "run.yaml").read_bytes()
    store.put("run.yaml", info.replace(b"state: finished", b"state: running"))
    lost = read_mirrored_status(RunUri(uri))
    assert (lost.state, lost.holder) == ("driver gone", None)
    lease = Lease(store, settle=0.5)
    lease.take()
    live = read_mirrored_status(RunUri(uri))
    assert live.running
    assert live.holder.startswith("process ")
    assert LEASE not in {path.name for path in live.path.iterdir()}


def copied(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).as_posix().startswith(".")
    }


def test_a_whole_run_is_fetched(uri, run, tmp_path, gets, capsys):
    assert main(["fetch", uri, str(tmp_path / "copy")]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'copy'}\n"
    assert "files (" in shown.err
    expected = {name: content for name, content in copied(run).items() if "t0002" not in name}
    assert copied(tmp_path / "copy") == expected
    assert gets[-1] == "run.yaml"
    assert rows(capsys, str(tmp_path / "copy")) == rows(capsys, str(run))
    gets.clear()
    assert main(["fetch", uri, str(tmp_path / "copy")]) == 0
    assert gets == ["run.yaml"]  # to see whether the copy has gone on by itself


def test_a_run_directory_is_copied(run, tmp_path, capsys):
    assert main(["fetch", str(run), str(tmp_path / "copy")]) == 0
    expected = {name: content for name, content in copied(run).items() if "t0002" not in name}
    assert copied(tmp_path / "copy") == expected
    assert fetch_run(FolderOrigin(run), tmp_path / "copy") == []
    with pytest.raises(RunDirectoryError, match="goes to a folder elsewhere"):
        fetch_run(FolderOrigin(run), run / "copy")


def test_what_a_lost_network_left_is_gone_on_with(uri, run, tmp_path, gets, monkeypatch):
    get, folder = Store.get, tmp_path / "copy"

    def lost(self, name):
        if len(gets) > 3:
            raise StoreError("the network is gone")
        return get(self, name)

    monkeypatch.setattr(Store, "get", lost)
    with pytest.raises(StoreError):
        fetch_run(Store(uri), folder)
    here = set(copied(folder))
    assert "run.yaml" not in here
    monkeypatch.setattr(Store, "get", get)
    gets.clear()
    fetch_run(Store(uri), folder)
    assert set(gets) == set(copied(folder)) - here
    assert set(copied(folder)) == {name for name in copied(run) if "t0002" not in name}


def test_less_than_was_told_is_no_file(uri, tmp_path, monkeypatch):
    get = Store.get
    monkeypatch.setattr(Store, "get", lambda self, name: (get(self, name) or b"")[:-1])
    with pytest.raises(StoreError, match=r"bytes, .* came; give the same command again"):
        fetch_run(Store(uri), tmp_path / "copy")
    assert not (tmp_path / "copy/run.yaml").exists()


def test_a_disk_too_small_is_told_first(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pulling, "free_bytes", lambda _: 10)
    with pytest.raises(NeurosweepError, match="its disk has 10 free"):
        fetch_run(FolderOrigin(run), tmp_path / "copy")


def test_a_full_disk_says_what_to_do(run, small_disk, monkeypatch):
    (run / "winner/model.keras").write_bytes(np.random.default_rng(0).bytes(300_000))
    folder = small_disk("256k") / "copy"
    monkeypatch.setattr(pulling, "free_bytes", lambda _: 2**30)  # others fill it meanwhile
    with pytest.raises(NeurosweepError, match="the disk is full: .* make space and give the same"):
        fetch_run(FolderOrigin(run), folder)
    assert not (folder / "run.yaml").exists()
    assert not list(folder.rglob("*.partial"))


def test_another_folder_is_never_written_into(uri, run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    with pytest.raises(RunDirectoryError, match="nor a copy that this command began"):
        fetch_run(Store(uri), tmp_path / "mine")
    fetch_run(FolderOrigin(run), tmp_path / "copy")
    with pytest.raises(RunDirectoryError, match=f"is a copy of {run}, and not of"):
        fetch_run(Store(uri), tmp_path / "copy")


def test_a_copy_that_has_gone_on_is_not_written_over(run, tmp_path):
    folder = tmp_path / "copy"
    fetch_run(FolderOrigin(run), folder)
    with RunDirectory.reopen(folder) as again:
        again.update(resumed_by=[["neurosweep", "search", "--resume"]])
        with pytest.raises(RunDirectoryError, match="has gone on by itself"):
            fetch_run(FolderOrigin(run), folder)
    fetch_run(FolderOrigin(folder), tmp_path / "third")
    with (
        RunDirectory.reopen(tmp_path / "third"),
        pytest.raises(RunDirectoryError, match="is held by process"),
    ):
        fetch_run(FolderOrigin(folder), tmp_path / "third")


def test_a_copy_of_a_mirrored_run_goes_on_there(tmp_path):
    """Resuming the copy is resuming the run: it takes the lease, and mirrors to the URI."""
    uri = f"file://{tmp_path}/store/run"
    with RunDirectory.create(tmp_path / "first", {"name": "x"}, store=Store(uri)) as first:
        first.write("study.journal", b"one\n")
        first.update(state="finished")
    fetch_run(Store(uri), tmp_path / "copy")
    store = mirror_of(tmp_path / "copy")
    assert store is not None
    assert store.uri == uri
    with RunDirectory.reopen(tmp_path / "copy", store=store) as again:
        assert store.get(LEASE) is not None
        again.update(resumed_by=[["neurosweep"]], state="interrupted")
    assert b"interrupted" in store.get("run.yaml")
    fetch_run(Store(uri), tmp_path / "copy")
    with RunDirectory.reopen(tmp_path / "first", store=Store(uri)) as other:
        assert other.info["state"] == "interrupted"
        with pytest.raises(RunDirectoryError, match="is held by"):
            RunDirectory.reopen(tmp_path / "copy", store=store)
