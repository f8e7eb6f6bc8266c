"""The driver on the head is killed: the same search is finished by `submit --resume`."""

import json

import pytest
from on_hosts import HEAD

pytestmark = pytest.mark.timeout(900)

TRIALS = 8


def test_a_killed_driver_is_followed_by_another(cluster, store):
    run = f"s3://{store.bucket()}/runs/killed"
    cluster.submit("experiment.yaml", "--data", "images", "--output", run, "--trials", TRIALS)
    cluster.wait(run, lambda told: told.get("status", {}).get("ended", 0) >= 3)
    found = "pkill -9 -f 'python -P -m search search experiment.yaml'"
    assert cluster.hosts.ssh(HEAD, found).returncode == 0
    killed = cluster.wait_for_end(run)
    assert killed["state"] == "FAILED"
    assert killed["status"]["state"] == "driver gone"
    before = {one["trial_id"] for one in finished(cluster, run)}
    assert len(before) >= 3

    again = cluster.submit("--resume", "--output", run)
    assert again == run
    assert cluster.finish(run)["status"]["state"] == "finished"
    names = [one["trial_id"] for one in finished(cluster, run)]
    assert sorted(names) == [f"t{number:04d}" for number in range(TRIALS)]
    assert before <= set(names)


def finished(cluster, run):
    told = cluster.laptop.neurosweep("leaderboard", run, "--format", "json")
    return [row for row in json.loads(told) if row["stage"] == "search"]
