"""A cluster that has no worker yet: a search asks for all it wants at once, and lets them go."""

import threading
import time
from dataclasses import replace

import pytest
import ray
from fake_nodes import growing_cluster
from kills import PATH, Meanwhile, Trials, wait_until
from ray.autoscaler.v2.sdk import get_cluster_status

from reports import Status
from search.experiment import Resources
from search.workers import cluster
from search.workers.cluster import connected, plan_workers
from search.workers.growth import read_growth
from search.workers.nodes import live_nodes

pytestmark = pytest.mark.timeout(280)

WANTED = 8


class Onlooker:
    """Looks at a cluster again and again, from a thread of its own."""

    def __init__(self, address):
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen = []  # (seconds, asked for in vain, nodes with room for trials)

    def __enter__(self):
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(timeout=20)

    def _look(self):
        while not self._over.wait(0.2):
            self.seen.append((time.monotonic() - self._began, demand(self._address), nodes()))


def demand(address):
    """Places that were asked for and are nowhere yet."""
    wanted = get_cluster_status(address).resource_demands.placement_group_demand
    return sum(bundle.count for one in wanted for bundle in one.bundles_by_count)


def nodes():
    return sum(1 for one in ray.nodes() if one["Alive"] and one["Resources"].get("CPU"))


def test_all_wanted_workers_are_asked_for_at_once_and_idle_nodes_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    (tmp_path / "run").mkdir()
    kinds = {"one": {"resources": {"CPU": 1}}}
    with (
        growing_cluster(kinds, max_workers=WANTED, v2=True) as address,
        connected(address, tmp_path / "run") as capacity,
    ):
        assert nodes() == 0
        workers, each = plan_workers(Resources(), capacity)
        assert (workers, each) == (WANTED, {"CPU": 1.0, "GPU": 0.0})
        (head,) = live_nodes()
        elsewhere = replace(head, is_here=False)  # as a driver on another machine sees it
        assert read_growth(cluster._autoscaler_file(elsewhere)) == capacity.growth

        trials = Trials(tmp_path / "trials", WANTED + 1)
        left = {}

        def meanwhile():
            wait_until(lambda: all(trials.begun(number) for number in range(WANTED)), 180)
            for number in range(WANTED):
                trials.let_go(number)
            # One trial is left, and beside it one warm worker that Tune keeps.
            wait_until(lambda: len(trials.names()) == WANTED and nodes() <= 2)
            left["trials"] = trials.names()

        with Onlooker(address) as onlooker, Meanwhile(meanwhile, at_last=trials.let_all_go):
            trials.search(workers=workers)
        assert {record.status for record in trials.records()} == {Status.COMPLETED}
        assert len(trials.records()) == WANTED + 1
        assert len(left["trials"]) == WANTED
        wait_until(lambda: nodes() == 0)

    first = next(seconds for seconds, wanted, _ in onlooker.seen if wanted)
    within = [wanted + there for seconds, wanted, there in onlooker.seen if seconds < first + 3]
    assert max(within) == WANTED
    assert max(there for _, _, there in onlooker.seen) == WANTED
