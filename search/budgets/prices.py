"""What a node costs by the hour, and what of that one worker on it has to answer for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PricedNode", "Prices"]

_TOLERANCE = 1e-9  # GPUs may be shared by thirds: three of them fill a node


@dataclass(frozen=True, kw_only=True)
class PricedNode:
    """A node as its price sees it.

    Attributes:
        type: Its name under `available_node_types` of the cluster file; None where it has none.
        cpus: CPUs that it offers to Ray.
        gpus: GPUs that it offers to Ray.
    """

    type: str | None
    cpus: float
    gpus: float

    def fitting(self, *, cpus: float, gpus: float) -> int:
        """How many workers of a size it has room for, at least 1."""
        of_each = [self.cpus / cpus] if cpus > 0 else []
        of_each += [self.gpus / gpus] if gpus > 0 else []
        return max(1, int(min(of_each, default=1.0) + _TOLERANCE))


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of whole nodes, as the experiment states them.

    Attributes:
        per_hour: By node type, at least 0; or one price for every node.
        currency: What they are in; empty where it was not said.
    """

    per_hour: Mapping[str, float] | float
    currency: str = ""

    @property
    def highest(self) -> float:
        """The price per hour of the dearest node."""
        if isinstance(self.per_hour, Mapping):
            return max(self.per_hour.values())
        return self.per_hour

    def of(self, node_type: str | None) -> float | None:
        """The price per hour of a node; None where its type has none."""
        if isinstance(self.per_hour, Mapping):
            return None if node_type is None else self.per_hour.get(node_type)
        return self.per_hour

    def rate(self, node: PricedNode, *, cpus: float, gpus: float) -> float | None:
        """What a worker costs by the second; None where its node has no price.

        A worker answers for the node divided by the workers of its size that fit on it: as many of
        them pay for all of it, and what is too small for one more is paid for by those there are.
        """
        price = self.of(node.type)
        return None if price is None else price / node.fitting(cpus=cpus, gpus=gpus) / 3600
