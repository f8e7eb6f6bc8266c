"""A worker's host is lost in the middle of a trial, and comes back: nothing is lost or doubled."""

import json
import time
from collections import Counter

import pytest
from on_hosts import SECOND, ended

pytestmark = pytest.mark.timeout(900)

TRIALS = 14
EPOCHS = 24
EARLY = EPOCHS // 4
"""The last epoch at which a host is cut off: the trial must still be under way when it is gone."""


def on_second(told):
    """Trials that train on the second worker, of which an epoch is known."""
    running = told.get("status", {}).get("running", [])
    return [one for one in running if one["epoch"] and (one["where"] or "").startswith("host2/")]


def early_on_second(told):
    """Those of them that have most of their epochs before them."""
    return [one for one in on_second(told) if one["epoch"] <= EARLY]


@pytest.fixture(scope="module")
def bumpy(cluster):
    """A search whose second worker is lost in the middle of a trial, and comes back."""
    run = cluster.submit(
        *("experiment.yaml", "--data", "images", "--trials", TRIALS),
        *("--set", f"training.epochs={EPOCHS}", "--set", f"training.patience={EPOCHS}"),
        *("--set", "search.scheduler=none"),
        *("--set", "families={mini_resnet: {stem_filters: 16, filters: {max: 32}}}"),
    )
    told = cluster.wait(run, early_on_second)
    lost = early_on_second(told)[0]["trial_id"]
    cluster.hosts.cut_off(SECOND)
    cluster.wait(run, lambda told: ended(told) >= 4)
    cluster.hosts.up(SECOND)
    # It is used again: by this search, or else by the next one.
    end = time.monotonic() + 240
    while cluster.alive() < 3:
        assert time.monotonic() < end, "the host did not come back into the cluster"
        time.sleep(2)
    told = cluster.finish(run)
    folder = cluster.laptop.work / "bumpy"
    cluster.laptop.neurosweep("fetch", cluster.file, folder, "--output", run)
    return lost, told, folder


def records(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["stage"] == "search"]


def test_the_asked_number_is_reached_and_no_trial_is_lost_or_doubled(bumpy):
    _, told, folder = bumpy
    assert told["status"]["state"] == "finished"
    counted = Counter(one["trial_id"] for one in records(folder))
    assert counted == {f"t{number:04d}": 1 for number in range(TRIALS)}
    assert all(one["status"] == "completed" for one in records(folder))


def test_the_trial_of_the_lost_host_was_trained_elsewhere(bumpy):
    lost, _, folder = bumpy
    (record,) = [one for one in records(folder) if one["trial_id"] == lost]
    assert record["lost_workers"] == 1
    assert record["epochs"] == EPOCHS
    epochs = (folder / "trials" / lost / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in epochs] == list(range(1, EPOCHS + 1))


def test_the_host_that_came_back_trains_again(cluster, bumpy):
    # So many that the first worker, should it begin earlier, has not done all of them by then.
    run = cluster.submit(
        *("experiment.yaml", "--data", "images", "--trials", 60),
        *("--set", "families={plain_cnn: {filters: {max: 16}, fc_width: 32}}"),
        *("--set", "training.epochs=40", "--set", "training.patience=40"),
        *("--set", "search.scheduler=none"),
    )
    cluster.wait(run, on_second)
    cluster.laptop.neurosweep("stop", cluster.file)
    assert cluster.finish(run)["status"]["state"] == "finished"
