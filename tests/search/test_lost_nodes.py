"""A node of a real cluster of raylets is lost in mid-trial: its trials go on elsewhere."""

import math
import os
import signal

import psutil
import pytest
import ray
from kills import RAY, Meanwhile, Trials, gone, wait_until
from ray._private.state import actors
from ray.cluster_utils import Cluster

from reports import Status
from search.workers.control import countdown

pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def cluster():
    """A head without a place for trials, where the driver is, and two nodes with one each."""
    nodes = Cluster()
    # A lost node is noticed sooner than by default, yet not at the first hiccup of a busy machine.
    checks = {"health_check_period_ms": 1000, "health_check_timeout_ms": 3000}
    nodes.add_node(num_cpus=0, _system_config=checks, include_dashboard=False)
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, **RAY)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def kill_node_of(worker: int, cluster: Cluster) -> None:
    """Kills the raylet that started a worker, and that alone; the worker ends by itself."""
    raylet = psutil.Process(worker).parent()
    assert raylet is not None
    assert raylet.name() == "raylet"
    os.kill(raylet.pid, signal.SIGKILL)
    for node in cluster.worker_nodes:
        for started in node.all_processes["raylet"]:
            if started.process.pid == raylet.pid:
                started.process.wait()


def test_the_countdown_is_where_the_driver_is(cluster):
    ours = ray.get_runtime_context().get_node_id()
    for _ in range(8):
        with countdown() as left:
            assert left.seconds_left() == math.inf
            (actor,) = (one for one in actors().values() if one["State"] == "ALIVE")
            assert actor["Address"]["NodeID"] == ours


def test_the_trials_of_a_lost_node_go_on_elsewhere_and_the_rest_goes_on_meanwhile(
    cluster, tmp_path
):
    trials = Trials(tmp_path, 5)
    seen = {}

    def kill():
        wait_until(lambda: trials.begun(0) and trials.begun(1))
        child, worker = trials.begun(0)[0]
        kill_node_of(worker, cluster)
        wait_until(lambda: gone(child) and gone(worker))
        trials.let_go(1)
        # What is left has one place: whatever waits there is let go, in whatever order it comes.
        for number in (2, 3, 4):
            trials.let_go(number)
        wait_until(lambda: len(trials.begun(0)) == 2)
        seen["meanwhile"] = trials.names()

    with Meanwhile(kill, at_last=trials.let_all_go):
        trials.search(workers=2)
    assert "t0001" in seen["meanwhile"]
    assert trials.names() == [f"t{number:04d}" for number in range(5)]
    assert {record.status for record in trials.records()} == {Status.COMPLETED}
    assert trials.states() == ["COMPLETE"] * 5
    assert trials.epochs("t0000") == [1, 2, 3]
    (_, first), (_, second) = trials.begun(0)
    assert first != second
