"""A real search looked at from another shell: while it runs, after a kill, and at its end."""

import json
import os
import platform
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def killed(command, work, environment, images, neurosweep):
    """A run whose driver was killed while trials ran, with what was said of it before."""
    run = work / "runs" / "followed"
    words = ["search", "experiment.yaml", "--data", images, "--output", run, "--trials", "3"]
    process = subprocess.Popen(
        [command, *map(str, words), "--set", "search.sinks=[tensorboard]"],
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 300
    said = {"running": []}
    while not any(trial["where"] for trial in said["running"]):
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        while not list(run.glob("trials/*/epochs.jsonl")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "no trial had an epoch"
            time.sleep(0.05)
        # Stopped while it is looked at: on a slow machine its trials would have ended since.
        process.send_signal(signal.SIGSTOP)
        said = status(neurosweep, run)
    listed = json.loads(neurosweep("runs", "list", "--format", "json").stdout)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return run, said, {row["name"]: row for row in listed}


def status(neurosweep, run):
    done = neurosweep("status", run, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_search_is_followed_through_a_kill_to_its_end(killed, neurosweep):
    run, said, listed = killed
    assert (said["state"], said["stage"]) == ("running", "search")
    trial = next(trial for trial in said["running"] if trial["where"])
    assert trial["where"].startswith(f"{platform.node()}/")
    assert 1 <= trial["epoch"] <= trial["allowed"]
    assert 0 < trial["val_accuracy"] <= 1
    assert said["budget"]["trials"]["asked"] == 3
    assert listed["followed"]["state"] == "running"

    after = status(neurosweep, run)
    assert after["state"] == "driver gone"
    assert after["running"] == []
    assert after["left_running"]
    assert f"--resume --output {run}` goes on" in neurosweep("status", run).stdout
    assert neurosweep("stop", run).returncode == 2

    done = neurosweep("search", "--resume", "--output", run)
    assert done.returncode == 0, done.stderr
    finished = status(neurosweep, run)
    assert finished["state"] == "finished"
    assert sum(finished["counts"].values()) == 3
    assert finished["left_running"] == []
    rows = json.loads(neurosweep("runs", "list", "--format", "json").stdout)
    row = next(row for row in rows if row["name"] == "followed")
    assert (row["state"], row["trials"]) == ("finished", 3)
    assert row["test_accuracy"] is not None
    folders = {path.name for path in (run / "tensorboard").iterdir() if any(path.iterdir())}
    assert folders == {"t0000", "t0001", "t0002"}
