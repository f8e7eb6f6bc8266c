"""Which of the known configurations are the best, kept up as they come in."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search.sampling.ending import Standing, Tier

__all__ = ["Ranking", "ranking_for"]

_POOL = 100
"""Configurations near the Pareto front that are compared with what comes in."""


class Ranking(Protocol):
    """An order of configurations, each known by a number."""

    def add(self, number: int, standing: Standing) -> None:
        """Takes a configuration in."""

    def remove(self, number: int, standing: Standing) -> None:
        """Takes out one that was added with this standing."""

    def best(self, count: int) -> list[int]:
        """The numbers of the best, best first; fewer if fewer are known."""


def ranking_for(objectives: int) -> Ranking:
    """A ranking for one objective, or by dominance for several."""
    return _ByStanding() if objectives == 1 else _ByDominance()


class _ByStanding:
    """Sorted by standing; among equals the one that came first is better."""

    def __init__(self) -> None:
        self._order: list[tuple[Standing, int]] = []  # ascending

    def add(self, number: int, standing: Standing) -> None:
        insort(self._order, (standing, -number))

    def remove(self, number: int, standing: Standing) -> None:
        del self._order[bisect_left(self._order, (standing, -number))]

    def best(self, count: int) -> list[int]:
        last = self._order[: -count - 1 : -1] if count else []
        return [-negative for _, negative in last]


class _ByDominance:
    """Completed ones by fronts, the less crowded first within a front; the others by standing.

    Of the completed ones a pool near the front is kept: one that was left out of it returns only
    if all that dominate it were taken out.
    """

    def __init__(self) -> None:
        self._pool: dict[int, Standing] = {}
        self._others = _ByStanding()

    def add(self, number: int, standing: Standing) -> None:
        if standing.tier is not Tier.COMPLETED:
            self._others.add(number, standing)
            return
        self._pool[number] = standing
        if len(self._pool) > 2 * _POOL:
            self._pool = {kept: self._pool[kept] for kept in self._in_order()[:_POOL]}

    def remove(self, number: int, standing: Standing) -> None:
        if standing.tier is not Tier.COMPLETED:
            self._others.remove(number, standing)
        else:
            self._pool.pop(number, None)

    def best(self, count: int) -> list[int]:
        ordered = self._in_order()[:count]
        return ordered + self._others.best(count - len(ordered))

    def _in_order(self) -> list[int]:
        if not self._pool:
            return []
        numbers = np.array(list(self._pool))
        order = _by_front([standing.values for standing in self._pool.values()])
        return [int(number) for number in numbers[order]]


def _by_front(values: Sequence[tuple[float, ...]]) -> list[int]:
    """Indices front after front, the least crowded first (Deb et al., 2002, NSGA-II)."""
    points = np.array(values)  # (configurations, objectives), greater is better
    no_worse: NDArray[np.bool_] = np.all(points[:, None] >= points[None, :], axis=2)
    dominates = no_worse & ~no_worse.T
    order: list[int] = []
    left = np.ones(len(points), bool)
    while left.any():
        front = np.flatnonzero(left & ~dominates[left].any(axis=0))
        order.extend(front[np.argsort(-_crowding(points[front]), kind="stable")])
        left[front] = False
    return order


def _crowding(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point of a front is from its neighbours; the ends are infinitely far."""
    distance = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if spread > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance
