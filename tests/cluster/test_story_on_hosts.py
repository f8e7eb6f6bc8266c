"""The user's story, word for word, on three hosts: up, submit, look, fetch, rerun."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from on_hosts import ROOT, WORKERS

pytestmark = pytest.mark.timeout(900)

TRIALS = 12


@pytest.fixture(scope="module")
def story(cluster, store):
    """A search whose images and whose run are on the store, from `submit` to its end.

    The images are its own: other tests leave theirs in the caches of the hosts.
    """
    bucket = store.bucket()
    drawn = ("own", "--images", 200, "--size", 48, "--seed", 11)
    cluster.laptop.neurosweep("data", "phantom", *drawn)
    images = f"s3://{bucket}/brain-mri"
    put = "import sys; from pyarrow import fs; fs.copy_files(*sys.argv[1:])"
    done = cluster.laptop.run(sys.executable, "-c", put, "own", images)
    assert done.returncode == 0, done.stderr
    began = time.monotonic()
    run = cluster.submit(
        "experiment.yaml", "--data", images, "--output", f"s3://{bucket}/runs/first"
    )
    assert run == f"s3://{bucket}/runs/first"
    cluster.wait(run, lambda told: told.get("status", {}).get("running"))
    first = time.monotonic() - began
    up, joined = cluster.seconds, cluster.joined
    print(f"ray up {up:.0f} s, workers after {joined:.0f} s, first trial {first:.0f} s later")
    assert cluster.finish(run)["status"]["state"] == "finished"
    return run


@pytest.fixture(scope="module")
def fetched(cluster, story) -> Path:
    """The run on the laptop."""
    folder = cluster.laptop.work / "first"
    out = cluster.laptop.neurosweep("fetch", story, folder)
    assert out.splitlines()[-1] == str(folder)
    return folder


@pytest.fixture(scope="module")
def info(fetched):
    return yaml.safe_load((fetched / "run.yaml").read_text())


def test_the_file_with_its_addresses_filled_in_has_no_fault(cluster):
    experiment = cluster.laptop.work / "experiment.yaml"
    words = ("cluster", "check", "--strict", cluster.file, "--experiment", experiment)
    done = cluster.laptop.run("neurosweep", *words, folder=ROOT)
    assert done.returncode == 0, done.stdout
    assert "nothing is wrong" in done.stdout


def test_the_leaderboard_is_read_from_the_store(cluster, story):
    told = cluster.laptop.neurosweep("leaderboard", story, "--format", "json")
    rows = [row for row in json.loads(told) if row["stage"] == "search"]
    assert len(rows) == TRIALS
    assert len({row["trial_id"] for row in rows}) == TRIALS
    assert 1 in {row["rank"] for row in rows}


def test_every_trial_is_there_once(fetched):
    lines = (fetched / "trials.jsonl").read_text().splitlines()
    names = [json.loads(line)["trial_id"] for line in lines if '"search"' in line]
    assert sorted(names) == [f"t{number:04d}" for number in range(TRIALS)]
    board = pq.read_table(fetched / "leaderboard.parquet").to_pylist()
    assert {row["trial_id"] for row in board} >= set(names)
    assert all(row["synthetic"] for row in board)


def test_the_first_row_is_had_again_without_a_cluster(cluster, fetched):
    done = cluster.laptop.run("neurosweep", "rerun", fetched, "--rank", "1", "--output", "again")
    assert done.returncode == 0, done.stderr
    assert ": equal" in done.stdout


def test_both_workers_trained_and_each_decoded_its_images_once(cluster, info):
    decoded = [(entry["node"], entry["size"], entry["color"]) for entry in info["decoded"]]
    assert len(set(decoded)) == len(decoded)
    addresses = {cluster.hosts.address(number) for number in WORKERS}
    assert {node for node, _, _ in decoded} == addresses
    brought = [entry["node"] for entry in info["delivered"]]
    assert sorted(brought) == sorted(addresses)


def test_each_image_went_through_the_backbone_once_in_the_cluster(info):
    (passes,) = info["features"].values()
    assert passes["computed"] == 160  # training and validation; none for the test
    assert passes["reused"] == 0


def test_the_head_ran_no_trial_and_started_the_driver(cluster, info):
    addresses = {node["address"] for node in info["nodes"]}
    assert addresses == {cluster.hosts.address(number) for number in WORKERS}
    assert "--address" in info["command"]


def test_status_is_live_in_a_terminal_and_ends_with_the_run(cluster, story):
    """In a terminal of its own, as a user has one."""
    import pty

    master, terminal = pty.openpty()
    words = ["neurosweep", "status", str(cluster.file)]
    process = subprocess.Popen(
        words,
        cwd=cluster.laptop.work,
        env={**cluster.laptop.environment, "TERM": "xterm", "COLUMNS": "100"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    while chunk := _read(master):
        shown += chunk
    assert process.wait(timeout=60) == 0
    assert f"{TRIALS} of {TRIALS} trials" in shown.decode()
    assert "succeeded" in shown.decode()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # the other end is closed
        return b""
