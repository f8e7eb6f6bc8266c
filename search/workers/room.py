"""Room for trials: how many fit the nodes there are, and those that may yet come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Capacity", "Growth", "Room"]

_SLACK = 1e-9  # three thirds of a GPU are one


@dataclass(frozen=True, kw_only=True)
class Room:
    """Nodes of one size.

    Attributes:
        cpus: CPUs of each.
        gpus: GPUs of each.
        nodes: How many there are, or may come.
    """

    cpus: float
    gpus: float = 0.0
    nodes: int = 1

    def trials(self, cpus: float, gpus: float) -> int:
        """Trials that fit one node; what has less than a GPU has it of a single one."""
        fitting = int(self.cpus / cpus + _SLACK)
        if gpus <= 0:
            return fitting
        if gpus < 1:
            return min(fitting, int(self.gpus + _SLACK) * int(1 / gpus + _SLACK))
        return min(fitting, int(self.gpus / gpus + _SLACK))


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What a cluster's autoscaler may bring.

    Attributes:
        kinds: Each kind of node, with the most that may come of it.
        most: The most nodes that may come, of all kinds together.
    """

    kinds: Sequence[Room]
    most: int

    def sum(self, of: Callable[[Room], float]) -> float:
        """The most that can be had at once of what `of` says of one node."""
        found, left = 0.0, self.most
        for kind in sorted(self.kinds, key=of, reverse=True):
            coming = min(kind.nodes, left)
            found, left = found + coming * of(kind), left - coming
        return found


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the cluster has, or can grow to where it scales by itself.

    Attributes:
        cpus: CPUs in all.
        gpus: GPUs in all.
        now: The nodes that are there; empty for a single one with all of that.
        head: The head, which stays whatever comes and goes.
        growth: What may come; None where nothing does.
        doubt: Why it is not known what may come; empty where it is.
    """

    cpus: float
    gpus: float
    now: Sequence[Room] = ()
    head: Room | None = None
    growth: Growth | None = None
    doubt: str = ""

    @classmethod
    def of(
        cls,
        now: Sequence[Room],
        *,
        head: Room | None = None,
        growth: Growth | None = None,
        doubt: str = "",
    ) -> Capacity:
        """Adds up what there is, or may be: whichever is more."""
        nothing = cls(cpus=0, gpus=0, now=now, head=head, growth=growth)
        cpus, gpus = nothing._most(lambda r: r.cpus), nothing._most(lambda r: r.gpus)
        return cls(cpus=cpus, gpus=gpus, now=now, head=head, growth=growth, doubt=doubt)

    def places(self, cpus: float, gpus: float) -> int:
        """Trials of this size that run at once when all nodes are there.

        A trial is on one node: what two nodes have left over holds none.
        """
        return int(self._most(lambda room: room.trials(cpus, gpus)))

    def to_dict(self) -> dict[str, Any]:
        """What run.yaml says of it."""
        return {"cpus": self.cpus, "gpus": self.gpus}

    def _most(self, of: Callable[[Room], float]) -> float:
        now = _sum(self.now or [Room(cpus=self.cpus, gpus=self.gpus)], of)
        if self.growth is None:
            return now
        return max(now, _sum([self.head] if self.head else [], of) + self.growth.sum(of))


def _sum(rooms: Iterable[Room], of: Callable[[Room], float]) -> float:
    return sum(of(room) * room.nodes for room in rooms)
