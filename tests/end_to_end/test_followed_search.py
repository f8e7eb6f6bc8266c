"""A real search looked at from another shell: while it runs, after a kill, and at its end."""

import json
import os
import platform
import signal
import subprocess
import time

import pytest

from search.following.run_status import read_status

pytestmark = pytest.mark.timeout(900)

LONGER = ["--set", "training.epochs=12", "--set", "training.patience=12"]


@pytest.fixture
def killed(command, work, environment, images, neurosweep):
    """A run whose driver was killed while trials ran, with what was said of it before."""
    run = work / "runs" / "followed"
    words = ["search", "experiment.yaml", "--data", images, "--output", run, "--trials", "3"]
    log = work / "followed.log"
    with log.open("wb") as said_by_driver:
        process = subprocess.Popen(
            [command, *map(str, words), "--set", "search.sinks=[tensorboard]", *LONGER],
            cwd=work,
            env=environment,
            stdout=said_by_driver,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        stopped_in_a_trial(process, run, log)
        said = status(neurosweep, run)
        listed = json.loads(neurosweep("runs", "list", "--format", "json").stdout)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return run, said, {row["name"]: row for row in listed}


def stopped_in_a_trial(process, run, log):
    """Stops a driver while a trial has ended an epoch: it would end while it is looked at."""
    end = time.monotonic() + 300
    while True:
        while not learning(run):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        if learning(run):
            return
        process.send_signal(signal.SIGCONT)


def learning(run):
    if not (run / "run.yaml").exists():
        return False
    return any(trial.where and trial.epoch for trial in read_status(run).standing.running)


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
