"""The driver on the head is killed: the same search is finished by `submit --resume`."""

import json
import shlex

import pytest
from on_hosts import HEAD, ended

pytestmark = pytest.mark.timeout(900)

TRIALS = 8

KILL = """
import psutil
words = ["search", "search", "experiment.yaml"]
(driver,) = [
    one
    for one in psutil.process_iter(["cmdline"])
    if [word for word in one.info["cmdline"] or [] if word in words][:3] == words
    and "python" in one.info["cmdline"][0]
]
driver.kill()
"""


def test_a_killed_driver_is_followed_by_another(cluster, store):
    run = f"s3://{store.bucket()}/runs/killed"
    cluster.submit("experiment.yaml", "--data", "images", "--output", run, "--trials", TRIALS)
    cluster.wait(run, lambda told: ended(told) >= 3)
    killed = cluster.hosts.ssh(HEAD, f"~/neurosweep-env/bin/python -c {shlex.quote(KILL)}")
    assert killed.returncode == 0, killed.stderr
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
