"""Searches that are interrupted, killed or fail: nothing is lost, and the exit code tells."""

import json
import os
import signal
import subprocess
import time

import pytest
import yaml

pytestmark = pytest.mark.timeout(600)

LONGER = ["--set", "training.epochs=400", "--set", "training.patience=400"]


def searched(run):
    text = (run / "trials.jsonl").read_text() if (run / "trials.jsonl").exists() else ""
    records = [json.loads(line) for line in text.splitlines()]
    return [record for record in records if record["stage"] == "search"]


def begin(command, work, environment, *words):
    return subprocess.Popen(
        [command, *map(str, words)],
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition, process, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def epochs_of(run):
    return [path for path in run.glob("trials/*/epochs.jsonl") if path.stat().st_size]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_leaves_a_partial_leaderboard(
    command, work, environment, images, number, neurosweep
):
    run = work / "runs" / f"interrupted-{number.name}"
    words = ("search", "experiment.yaml", "--data", images, "--output", run, *LONGER)
    process = begin(command, work, environment, *words)
    wait_until(lambda: epochs_of(run), process)
    os.kill(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert f"neurosweep search --resume --output {run}` goes on" in stdout
    assert "Traceback" not in stderr
    assert yaml.safe_load((run / "run.yaml").read_text())["state"] == "interrupted"
    assert (run / "leaderboard.parquet").exists()
    assert (run / "report.html").exists()
    assert neurosweep("leaderboard", run).returncode == 0
    assert_nothing_runs_on(run)


def assert_nothing_runs_on(run):
    """No process of ours is left: the child of a worker ends with the worker."""
    import psutil

    def ours():
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            words = process.info["cmdline"] or []
            inherited = (process.info["environ"] or {}).get("PWD", "")
            if "search.workers.child" in words and inherited.startswith(str(run.parents[1])):
                found.append(process)
        return found

    end = time.monotonic() + 20
    while ours() and time.monotonic() < end:
        time.sleep(0.5)
    assert not ours()


def test_a_killed_driver_loses_and_doubles_nothing(command, work, environment, images, neurosweep):
    run = work / "runs" / "killed"
    words = ("search", "experiment.yaml", "--data", images, "--output", run, "--trials", "5")
    process = begin(command, work, environment, *words)
    wait_until(lambda: searched(run), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = [record["trial_id"] for record in searched(run)]
    with (run / "trials.jsonl").open("a") as file:
        file.write('{"trial_id": "t00')  # a line torn by the kill
    done = neurosweep("search", "--resume", "--output", run)
    assert done.returncode == 0, done.stderr
    names = [record["trial_id"] for record in searched(run)]
    assert names[: len(before)] == before
    assert sorted(names) == [f"t{number:04d}" for number in range(5)]


def test_a_search_in_which_no_trial_succeeds_exits_with_three(neurosweep, work, images):
    run = work / "runs" / "too-short"
    done = neurosweep(
        *("search", "experiment.yaml", "--data", images, "--output", run, "--time-budget", "2s")
    )
    assert done.returncode == 3, done.stderr
    assert "the search ended before a single trial did; give it a longer" in done.stderr
    assert yaml.safe_load((run / "run.yaml").read_text())["state"] == "failed"
    assert (run / "leaderboard.parquet").exists()


def test_missing_weights_end_a_search_before_any_trial(neurosweep, work, images, tmp_path):
    run = work / "runs" / "weightless"
    done = neurosweep(
        *("search", "experiment.yaml", "--data", images, "--output", run),
        *("--set", f"families.transfer.weights={tmp_path}"),
    )
    assert done.returncode == 2
    assert "mobilenet_v2" in done.stderr
    assert str(tmp_path) in done.stderr
    assert not searched(run)


def test_a_time_budget_ends_a_search_in_time(neurosweep, work, images):
    run = work / "runs" / "budget"
    began = time.monotonic()
    done = neurosweep(
        *("search", "experiment.yaml", "--data", images, "--output", run, *LONGER),
        *("--set", "families={plain_cnn: {}}", "--set", "search.trials=null"),
        *("--set", "search.scheduler=none", "--time-budget", "75s"),
    )
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "budget" in {record["stop_reason"] for record in searched(run)}
    assert seconds < 150  # twice the time: two searches may run on two cores
