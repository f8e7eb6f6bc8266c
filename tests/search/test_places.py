"""On which node a worker is: what Ray says of nodes is read in one place."""

from types import SimpleNamespace

import pytest
import ray
from ray._private import state

from search.budgets.prices import PricedNode
from search.workers.places import node_of, nodes

HERE = SimpleNamespace(get_node_id=lambda: "a")


def told(node_id, *, alive=True, kind=None, **resources):
    """A node as Ray tells of it; one that is gone keeps neither resources nor labels."""
    return {
        "NodeID": node_id,
        "Alive": alive,
        "NodeManagerHostname": "x",
        "NodeManagerAddress": "10.0.0.1",
        "Resources": resources,
        "Labels": {} if kind is None else {"ray.io/node-group": kind},
    }


@pytest.fixture(autouse=True)
def cluster(monkeypatch):
    there = [told("a", CPU=2.0), told("b", kind="spot", CPU=8.0, GPU=1.0), told("c", alive=False)]
    monkeypatch.setattr(ray, "nodes", lambda: there)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: HERE)
    monkeypatch.setattr(state, "actors", lambda name: {"Address": {"NodeID": name}})


SPOT = PricedNode(type="spot", cpus=8.0, gpus=1.0)


def test_nodes_have_the_type_that_they_were_started_with_and_those_that_are_gone_are_none():
    assert nodes() == [PricedNode(type=None, cpus=2.0, gpus=0.0), SPOT]


@pytest.mark.parametrize(("name", "found"), [("b", SPOT), ("c", None), ("never", None)])
def test_a_worker_is_on_a_node_that_is_there_or_on_none(name, found):
    actor = SimpleNamespace(_actor_id=SimpleNamespace(hex=lambda: name))
    assert node_of(actor) == found
