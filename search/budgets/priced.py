"""Whether a limit on the cost can be kept on the nodes that a cluster has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurosweep.errors import ExperimentError
from search.budgets.budget import Budget
from search.budgets.prices import PricedNode

__all__ = ["check_priced"]


def check_priced(
    budget: Budget, nodes: Sequence[PricedNode], resources: Mapping[str, float]
) -> None:
    """Refuses a limit on the cost where no node that could train a trial has a price.

    Args:
        budget: What may be spent.
        nodes: Those that the cluster has now; one that brings nodes on demand may have none yet.
        resources: What one trial gets: CPU and GPU.

    Raises:
        ExperimentError: if none of them has a price.
    """
    prices = budget.prices
    able = [one for one in nodes if one.cpus >= resources["CPU"] and one.gpus >= resources["GPU"]]
    if prices is None or not budget.limits_cost or not able:
        return
    if all(prices.of(one.type) is None for one in able):
        types = sorted({one.type or "none named" for one in able})
        raise ExperimentError(
            "search.max_cost can be kept only where nodes have a price; the types of the nodes "
            f"here are {', '.join(types)}, and resources.price_per_hour has none of them "
            f"({prices.per_hour}). Name them as available_node_types of the cluster file does, or "
            "give one number for every node. A node that `ray start` was called on by hand has a "
            "type where RAY_NODE_TYPE_NAME was set for it"
        )
