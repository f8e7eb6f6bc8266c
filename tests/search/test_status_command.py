"""`status`, `stop` and `runs list`: what they say of runs in any state, and what they cost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from display_samples import budget_of, play, record
from doubles import Clock, epoch

from reports import Status
from search.budgets.budget import Budget
from search.cli import main
from search.display import StatusFile
from search.following.drawing import draw_status
from search.following.holding import is_held
from search.following.run_status import GONE, read_status
from search.runs.run_directory import RunDirectory
from search.runs.stopping import StopRequest

INFO = {
    "name": "brains",
    "began": "2026-01-01T10:00:00+00:00",
    "experiment": {"search": {"trials": 4}, "data": {"path": "/data/mri"}},
}


def write_trials(run, *records):
    for one in records:
        run.append("trials.jsonl", one.to_json())


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "runs" / "one", INFO) as opened:
        yield opened


@pytest.fixture
def searching(run):
    """A search in which two trials ended and two run."""
    run.update(state="running")
    ended = [
        record(0, Status.COMPLETED, 0.81, "finished"),
        record(1, Status.FAILED, None, "DivergedError", error="DivergedError: loss is NaN"),
    ]
    write_trials(run, *ended)
    with StatusFile(run, Budget(trials=4, seconds=600.0)) as status:
        status.stage("search", "2 at once")
        status.resumed(ended)
        for trial in ("t0002", "t0003"):
            status.started(trial, {"family": "transfer", "transfer/backbone": "VGG16"}, "")
        status.epoch("t0002", epoch(3, 0.7), 30, "node-a/4711")
        status.write()
        yield run


def shown(capsys) -> str:
    return capsys.readouterr().out


def as_json(path, capsys) -> dict:
    assert main(["status", str(path), "--format", "json"]) == 0
    return json.loads(shown(capsys))


def test_a_running_search_says_what_runs_where(searching, capsys):
    said = as_json(searching.path, capsys)
    assert (said["state"], said["stage"], said["detail"]) == ("running", "search", "2 at once")
    assert said["holder"].startswith(f"process {os.getpid()} on ")
    assert said["counts"] == {"completed": 1, "pruned": 0, "failed": 1}
    assert said["best"]["trial_id"] == "t0000"
    assert said["reasons"]["failed"] == {"DivergedError": 1}
    first, second = said["running"]
    assert (first["trial_id"], first["model"]) == ("t0002", "transfer/VGG16")
    assert (first["epoch"], first["allowed"], first["where"]) == (3, 30, "node-a/4711")
    assert (first["val_accuracy"], first["attempt"]) == (0.7, 1)
    assert second["allowed"] is None
    assert said["budget"]["trials"]["left"] == 2
    assert 0 < said["budget"]["time"]["left"] < 600
    assert said["left_running"] == []


def test_a_running_search_as_a_table(searching, capsys):
    assert main(["status", str(searching.path)]) == 0
    text = shown(capsys)
    assert "running, began 2026-01-01 10:00 UTC, by process" in text
    assert "stage search: 2 at once" in text
    assert "2 of 4 trials: 1 completed, 0 pruned, 1 failed, 2 running" in text
    assert "epoch 3/30  0.7000  VGG16               node-a/4711" in text
    assert "failed: 1 DivergedError" in text
    assert "DivergedError: loss is NaN" in text


def test_the_table_of_a_run_fits_a_small_terminal(tmp_path):
    from display_samples import console, text_of

    clock = Clock()
    with RunDirectory.create(tmp_path / ("long-name-" * 12), INFO) as run:
        with StatusFile(run, budget_of(300, clock)) as status:
            play(status, trials=300, workers=100, clock=clock)
        StopRequest(run.path).ask()
        where = console(80, 24)
        where.print(draw_status(read_status(run.path), width=80, height=23))
    lines = text_of(where).splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80
    assert any("more running" in line for line in lines)


def test_clocks_run_on_between_the_writings_of_the_driver(searching):
    told = json.loads((searching.path / "status.json").read_text())
    told["written"] = "2026-01-01T00:00:00+00:00"
    searching.write_json("status.json", told)
    status = read_status(searching.path)
    assert status.standing.running[0].seconds > 10_000
    assert status.standing.elapsed > 10_000
    assert status.standing.budget["time"].left == 0.0


def test_a_killed_driver_is_told_from_a_living_one(tmp_path, capsys):
    """The lock goes with the process: whatever run.yaml says, nobody holds it."""
    path = tmp_path / "killed"
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from search.budgets.budget import Budget\n"
        "from search.display import StatusFile\n"
        "from search.runs.run_directory import RunDirectory\n"
        f"run = RunDirectory.create(Path({str(path)!r}), {INFO!r})\n"
        "run.update(state='running')\n"
        "status = StatusFile(run, Budget(trials=4, seconds=None)).__enter__()\n"
        "status.started('t0000', {'family': 'plain_cnn'}, '')\n"
        "status.epoch('t0000', {'epoch': 2, 'val_accuracy': 0.5}, 5, 'node/1')\n"
        "status.write()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    said = as_json(path, capsys)
    assert said["state"] == GONE
    assert said["running"] == []
    assert [trial["trial_id"] for trial in said["left_running"]] == ["t0000"]
    assert main(["status", str(path)]) == 0
    text = shown(capsys)
    assert f"`neurosweep search --resume --output {path}` goes on" in text
    assert "left running: t0000 (plain_cnn, epoch 2, 0.5000)" in text
    assert main(["stop", str(path)]) == 2
    assert main(["runs", "list", str(tmp_path)]) == 0
    assert "interrupted" in shown(capsys)


@pytest.mark.parametrize("state", ["finished", "interrupted", "failed"])
def test_a_run_that_ended_in_order_says_how(run, capsys, state):
    write_trials(run, record(0, Status.COMPLETED, 0.81, "finished"))
    run.update(state=state)
    run.__exit__()
    said = as_json(run.path, capsys)
    assert (said["state"], said["holder"]) == (state, None)
    assert main(["status", str(run.path)]) == 0
    assert ("--resume" in shown(capsys)) == (state != "finished")


def test_a_trial_that_ended_after_the_last_writing_runs_no_more(searching, capsys):
    write_trials(searching, record(2, Status.COMPLETED, 0.9, "finished"))
    said = as_json(searching.path, capsys)
    assert [trial["trial_id"] for trial in said["running"]] == ["t0003"]
    assert said["counts"]["completed"] == 2


def test_a_line_that_is_being_written_does_not_count(searching, capsys):
    with (searching.path / "trials.jsonl").open("a") as file:
        file.write('{"trial_id": "t00')
    assert as_json(searching.path, capsys)["counts"]["completed"] == 1


def test_a_damaged_status_is_refused_by_name(searching, capsys):
    searching.write("status.json", b'{"running": 3}')
    assert main(["status", str(searching.path)]) == 2
    message = capsys.readouterr().err
    assert "status.json must hold how a search stands" in message
    assert "at running" in message


@pytest.mark.parametrize("command", ["status", "stop"])
def test_what_is_no_run_is_refused(tmp_path, capsys, command):
    for path in (tmp_path / "absent", tmp_path, Path(__file__)):
        assert main([command, str(path)]) == 2
        assert "a run directory is a folder with a run.yaml in it" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_watch_wants_a_terminal(searching, capsys):
    assert main(["status", str(searching.path), "--watch"]) == 2
    assert "leave out --watch" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["status", str(searching.path), "--watch", "0"])


def test_watch_ends_with_the_run(run, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    looks = []

    def end_meanwhile(seconds):
        looks.append(seconds)
        run.update(state="finished")
        run.__exit__()

    monkeypatch.setattr("search.commands.status.time.sleep", end_meanwhile)
    assert main(["status", str(run.path), "--watch", "3"]) == 0
    assert looks == [3.0]
    assert "finished" in shown(capsys)


def test_ctrl_c_ends_the_watch_alone(searching, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("search.commands.status.time.sleep", interrupt)
    assert main(["status", str(searching.path), "--watch"]) == 0
    assert "interrupted" not in capsys.readouterr().err


def test_asking_does_not_hold_the_run(run):
    assert is_held(run.path)
    run.__exit__()
    assert not is_held(run.path)
    with RunDirectory.reopen(run.path):
        assert is_held(run.path)
        assert is_held(run.path)


def test_the_status_is_written_at_each_stage_and_within_a_second_else(run):
    def told():
        return json.loads((run.path / "status.json").read_text())

    with StatusFile(run, Budget(trials=4, seconds=None)) as status:
        status.stage("prepare")
        assert told()["stage"] == "prepare"
        status.started("t0000", {"family": "plain_cnn"}, "")
        _wait_for(lambda: told()["running"])
        before = told()["written"]
        status.write_if_changed()
        assert told()["written"] == before
    assert told()["writer"] == os.getpid()


def _wait_for(condition, seconds=60):
    import time

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def test_a_status_that_cannot_be_written_ends_no_search(run, monkeypatch):
    from neurosweep.errors import NeurosweepError

    def full(*_):
        raise NeurosweepError("the disk is full")

    monkeypatch.setattr(RunDirectory, "write", full)
    with StatusFile(run, Budget(trials=4, seconds=None)) as status:
        status.stage("search")


def test_stop_asks_once_and_says_what_will_happen(searching, capsys):
    assert main(["stop", str(searching.path)]) == 0
    text = shown(capsys)
    assert "no trial begins any more, those that run now (2) end at their next epoch" in text
    assert f"neurosweep status {searching.path} --watch" in text
    assert as_json(searching.path, capsys)["stop_asked"]
    assert main(["stop", str(searching.path)]) == 0
    assert shown(capsys)
    assert [path.name for path in searching.path.glob("*stop*")] == ["stop"]
    assert "process" in str(StopRequest(searching.path).take())
    assert not as_json(searching.path, capsys)["stop_asked"]


@pytest.mark.parametrize("stage", ["repeat", "evaluate"])
def test_stop_leaves_the_final_stages_alone(run, capsys, stage):
    with StatusFile(run, Budget(trials=4, seconds=None)) as status:
        status.stage(stage, "5 finalists")
        assert main(["stop", str(run.path)]) == 0
    assert "the search in" in (text := shown(capsys))
    assert f"is over already; its stage {stage} goes on to the end" in text
    assert not StopRequest(run.path).exists()


def test_stop_waits_until_the_run_has_ended(searching, monkeypatch, capsys):
    def end_meanwhile(_):
        searching.update(state="finished")
        searching.__exit__()

    monkeypatch.setattr("search.commands.stop.time.sleep", end_meanwhile)
    assert main(["stop", str(searching.path), "--wait", "5m"]) == 0
    assert shown(capsys).endswith(f"{searching.path} is finished\n")


def test_stop_does_not_wait_for_ever(searching, capsys):
    assert main(["stop", str(searching.path), "--wait", "0.01s"]) == 1
    assert "still runs after 0.01 seconds, now in its stage search" in capsys.readouterr().err
    assert main(["stop", str(searching.path), "--wait", "soon"]) == 2
    assert "--wait: a duration is a number" in capsys.readouterr().err


def test_stop_of_a_run_that_does_not_run(run, capsys):
    run.update(state="finished")
    run.__exit__()
    assert main(["stop", str(run.path)]) == 2
    assert "nothing was changed" in capsys.readouterr().err
    assert not StopRequest(run.path).exists()


def test_a_request_made_by_hand_counts(tmp_path):
    request = StopRequest(tmp_path)
    assert request.take() is None
    request.path.touch()
    assert request.exists()
    assert request.take() == "a file named stop in the run directory"
    assert not request.exists()


@pytest.fixture
def runs(tmp_path):
    """Three runs: a finished one, a newer one that runs, and the newest, damaged."""
    folder = tmp_path / "runs"
    with RunDirectory.create(folder / "older", INFO) as older:
        write_trials(older, record(0, Status.COMPLETED, 0.81, "finished"))
        older.update(state="finished")
    held = RunDirectory.create(folder / "newer", {**INFO, "began": "2026-01-02T10:00:00+00:00"})
    with RunDirectory.create(folder / "damaged", INFO):
        pass
    (folder / "damaged" / "trials.jsonl").write_text("{}\n")
    (folder / "no-run").mkdir()
    (folder / "file").touch()
    yield folder
    held.__exit__()


def test_runs_are_listed_newest_first_and_damaged_ones_named(runs, capsys):
    assert main(["runs", "list", str(runs), "--format", "json"]) == 0
    rows = json.loads(shown(capsys))
    assert [(row["name"], row["state"]) for row in rows] == [
        ("damaged", "damaged"),
        ("newer", "running"),
        ("older", "finished"),
    ]
    assert "trials.jsonl, line 1" in rows[0]["problem"]
    oldest = rows[2]
    assert (oldest["trials"], oldest["asked"], oldest["val_accuracy"]) == (1, 4, 0.81)
    assert (oldest["data"], oldest["test_accuracy"]) == ("/data/mri", None)
    files = [path for path in (runs / "older").rglob("*") if path.is_file()]
    assert oldest["size"] == sum(path.stat().st_size for path in files)


def test_runs_as_a_table_and_as_csv(runs, capsys, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert main(["runs", "list"]) == 0
    head, _, *rows = shown(capsys).splitlines()
    assert head.split()[:4] == ["run", "began", "state", "trials"]
    assert rows[-1].split()[0] == "older"
    assert "1/4" in rows[-1]
    assert main(["runs", "list", "--format", "csv"]) == 0
    lines = shown(capsys).splitlines()
    assert lines[0] == (
        "name,path,began,state,trials,asked,val_accuracy,test_accuracy,data,size,problem"
    )
    assert len(lines) == 4


def test_a_folder_without_runs_and_one_that_is_not_there(tmp_path, capsys):
    assert main(["runs", "list", str(tmp_path)]) == 0
    assert shown(capsys) == f"no run below {tmp_path}\n"
    assert main(["runs", "list", str(tmp_path / "absent")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"- 1\n", b"\xff\xfe", b"schema_version: 99\n", b"a: [\n"])
def test_any_damage_of_run_yaml_is_a_row(runs, capsys, content):
    (runs / "older" / "run.yaml").write_bytes(content)
    assert main(["runs", "list", str(runs), "--format", "json"]) == 0
    states = {row["name"]: row["state"] for row in json.loads(shown(capsys))}
    assert states == {"older": "damaged", "newer": "running", "damaged": "damaged"}


def test_a_time_that_is_none_is_damage(runs, capsys):
    info = yaml.safe_load((runs / "older" / "run.yaml").read_text())
    (runs / "older" / "run.yaml").write_text(yaml.safe_dump({**info, "began": "yesterday"}))
    assert main(["runs", "list", str(runs), "--format", "json"]) == 0
    assert {row["name"] for row in json.loads(shown(capsys)) if row["problem"]} == {
        "older",
        "damaged",
    }


@pytest.mark.parametrize("words", [["status", "runs/one"], ["runs", "list"], ["stop", "runs/one"]])
def test_following_a_run_loads_nothing_heavy(searching, words):
    code = (
        "import contextlib, io, sys\nfrom search.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = main({words!r})\n"
        "heavy = ('ray', 'tensorflow', 'keras', 'optuna', 'sklearn', 'pandas', 'plotly')\n"
        "print(code, [m for m in heavy if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=searching.path.parents[1],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.strip() == "0 []"
