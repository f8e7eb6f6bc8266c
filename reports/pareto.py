"""The Pareto front: what no other beats in one figure without being worse in another."""

from collections.abc import Sequence

__all__ = ["front"]


def front(costs: Sequence[tuple[float, ...]]) -> list[int]:
    """Find which of several costs no other dominates.

    One dominates another where it is no higher in any figure, and lower in one.

    Args:
        costs: Equally many figures each, of which lower is better.

    Returns:
        Places on the front, by rising first figure, then second and so on; equal ones all belong
        to it.
    """
    kept: list[int] = []
    # Whatever dominates another comes before it in this order, and so does one of the front.
    for at in sorted(range(len(costs)), key=costs.__getitem__):
        if not any(_dominates(costs[other], costs[at]) for other in kept):
            kept.append(at)
    return kept


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
