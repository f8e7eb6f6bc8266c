"""On which node a worker is, as its price sees it."""

from __future__ import annotations

from typing import Any

from search.budgets.prices import PricedNode
from search.workers.nodes import Node, live_nodes

__all__ = ["node_of", "nodes"]


def node_of(actor: Any) -> PricedNode | None:
    """The node of an actor that has its place; None where it is gone already.

    Args:
        actor: The actor's handle.
    """
    from ray._private.state import actors

    told = actors(actor._actor_id.hex())
    where = told.get("Address", {}).get("NodeID")
    found = (node for node in live_nodes() if node.id == where)
    return next(map(_priced, found), None)


def nodes() -> list[PricedNode]:
    """The nodes that the cluster has now."""
    return [_priced(node) for node in live_nodes()]


def _priced(node: Node) -> PricedNode:
    return PricedNode(type=node.kind or None, cpus=node.cpus, gpus=node.gpus)
