"""Who comes before the nodes of a cluster waits for them, and not for ever."""

import pytest

from search.workers.joining import kept_nodes, wait_for_nodes

OWN = """
available_node_types:
  local.cluster.node: {resources: {}, min_workers: 2, max_workers: 2}
head_node_type: local.cluster.node
"""
CLOUD = """
available_node_types:
  head: {min_workers: 0}
  spot: {min_workers: 0, max_workers: 8}
  kept: {min_workers: 1}
  plain: {}
head_node_type: head
"""


class Cluster:
    """Nodes that come at their times, and the clock by which they come."""

    def __init__(self, *times):
        self.now = 0.0
        self.times = times
        self.told = []

    def wait(self, kept):
        wait_for_nodes(kept, self.count, self.told.append, clock=lambda: self.now, sleep=self.sleep)

    def count(self):
        return sum(time <= self.now for time in self.times)

    def sleep(self, seconds):
        self.now += seconds


def test_nodes_of_ones_own_are_all_kept():
    assert kept_nodes(OWN) == 3
    assert kept_nodes(CLOUD) == 2


@pytest.mark.parametrize("text", ["", "- a", "a: [", "available_node_types: {a: {min_workers: x}}"])
def test_what_is_no_cluster_file_is_told(text):
    with pytest.raises(ValueError, match="its file is no cluster file"):
        kept_nodes(text)


def test_nobody_waits_where_all_are_there():
    cluster = Cluster(0, 0, 0)
    cluster.wait(3)
    assert cluster.now == 0
    assert cluster.told == []


def test_nodes_that_join_are_waited_for():
    cluster = Cluster(0, 10, 31)
    cluster.wait(3)
    assert 31 <= cluster.now < 34
    assert cluster.told == ["waiting for 2 of the 3 nodes that this cluster keeps"]


def test_a_node_that_does_not_come_is_told_and_not_waited_for():
    cluster = Cluster(0, 10)
    cluster.wait(3)
    assert 180 <= cluster.now < 185
    assert cluster.told[1].startswith("going on without 1 nodes; `ray status` on the head says")
