"""On which node a worker is, as Ray tells it."""

from __future__ import annotations

from typing import Any

from search.budgets.prices import Node

__all__ = ["NODE_TYPE", "node_of", "nodes"]

NODE_TYPE = "ray.io/node-group"
"""The label that names a node's type. Ray sets it from RAY_NODE_TYPE_NAME, which the autoscaler
gives to each node that it starts, and KubeRay to each pod (seen in Ray 2.60)."""


def node_of(actor: Any) -> Node | None:
    """The node of an actor that has its place; None where Ray does not know it any more.

    Args:
        actor: The actor's handle.
    """
    import ray
    from ray._private.state import actors

    told = actors(actor._actor_id.hex())
    where = told.get("Address", {}).get("NodeID")
    found = (node for node in ray.nodes() if node["NodeID"] == where)
    return next(map(_node, found), None)


def nodes() -> list[Node]:
    """The nodes that the cluster has now."""
    import ray

    return [_node(node) for node in ray.nodes() if node["Alive"]]


def _node(told: dict[str, Any]) -> Node:
    resources = told["Resources"]
    return Node(
        type=told.get("Labels", {}).get(NODE_TYPE) or None,
        cpus=float(resources.get("CPU", 0.0)),
        gpus=float(resources.get("GPU", 0.0)),
    )
