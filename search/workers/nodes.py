"""The nodes of the cluster that Ray is connected to, and how one of them is asked something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Node", "gcs_port", "live_nodes", "on_node"]

_KIND = "ray.io/node-group"
"""The label that names a node's kind. Ray sets it from RAY_NODE_TYPE_NAME, which the autoscaler
gives to each node that it starts, and KubeRay to each pod (seen in Ray 2.60)."""

_HEAD = "node:__internal_head__"  # a resource that Ray gives to the head alone


@dataclass(frozen=True, kw_only=True)
class Node:
    """A live node, as Ray has it.

    Attributes:
        id: Ray's own name for it.
        hostname: Its host's name.
        address: Where others reach it.
        cpus: CPUs that it offers.
        gpus: GPUs that it offers.
        kind: Its kind in the cluster file; empty where there is none.
        is_head: Whether it is the head.
        is_here: Whether the driver is on it.
    """

    id: str
    hostname: str
    address: str
    cpus: float
    gpus: float
    kind: str = ""
    is_head: bool = False
    is_here: bool = False

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.hostname} ({self.address})"


def live_nodes() -> list[Node]:
    """The nodes that are there now."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    return [_node(one, own) for one in ray.nodes() if one["Alive"]]


def _node(one: dict[str, Any], own: str) -> Node:
    offered = one["Resources"]
    return Node(
        id=one["NodeID"],
        hostname=one["NodeManagerHostname"],
        address=one["NodeManagerAddress"],
        cpus=offered.get("CPU", 0.0),
        gpus=offered.get("GPU", 0.0),
        kind=one.get("Labels", {}).get(_KIND, ""),
        is_head=_HEAD in offered,
        is_here=one["NodeID"] == own,
    )


def gcs_port() -> str:
    """The port of the cluster's head."""
    import ray

    return str(ray.get_runtime_context().gcs_address).rpartition(":")[2]


def on_node(node: Node, question: Callable[..., object]) -> Any:
    """A task that runs on that node and on no other, and takes no place of a trial."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node.id, soft=False)
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(question)
