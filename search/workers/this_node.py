"""What Ray knows of the node that this process runs on."""

from __future__ import annotations

from typing import Any

import ray

__all__ = ["this_node", "whereabouts"]

_DIGITS = 12  # of a node's name in Ray, enough to tell the nodes of a cluster


def this_node() -> dict[str, Any]:
    """The node's entry in Ray's list; empty where it has just left the cluster."""
    own = ray.get_runtime_context().get_node_id()
    return next((node for node in ray.nodes() if node["NodeID"] == own), {})


def whereabouts() -> dict[str, str]:
    """How run.yaml names the node: its address, and the beginning of Ray's own name for it."""
    own = str(ray.get_runtime_context().get_node_id())
    address = this_node().get("NodeManagerAddress", "")
    return {"node": str(address), "node_id": own[:_DIGITS]}
