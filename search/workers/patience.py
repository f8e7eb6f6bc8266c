"""Says that workers are waited for: a cluster may have no room, no quota or no nodes to give."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Patience", "cluster_now"]

_FIRST = 180.0
"""Seconds of waiting before it is said: a node that comes by itself takes two or three minutes."""

_SELDOM = 3600.0  # the longest pause between two notes, in seconds


class Patience:
    """Notes that workers are waited for, once and then at growing intervals.

    It begins anew when fewer are missing than ever since it began: nodes come.
    """

    def __init__(
        self,
        note: Callable[[str], None],
        *,
        cluster: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Waits for nobody yet.

        Args:
            note: Tells a person.
            cluster: Says what the cluster has; None asks Ray.
            clock: Returns seconds; only differences are used.
        """
        self._note = note
        self._cluster = cluster or cluster_now
        self._clock = clock
        self._fewest = 0
        self._since = self._next = 0.0

    def look(self, missing: int) -> None:
        """Is told how many workers are waited for now, as often as that is looked at."""
        now = self._clock()
        if missing == 0 or self._fewest == 0 or missing < self._fewest:
            self._fewest, self._since, self._next = missing, now, now + _FIRST
        if missing and now >= self._next:
            waited = now - self._since
            self._next = now + min(waited, _SELDOM)
            self._note(
                f"waiting for {missing} worker{'s' * (missing > 1)} for {waited / 60:.0f} min: "
                f"{self._cluster()}; `ray status` on the cluster's head says why none comes. What "
                "waits begins when there is room"
            )


def cluster_now() -> str:
    """What the connected cluster has, and what of it is free."""
    import ray

    has, free = ray.cluster_resources(), ray.available_resources()
    nodes = sum(1 for node in ray.nodes() if node["Alive"])
    return (
        f"the cluster has {nodes} node{'s' * (nodes != 1)} with {has.get('CPU', 0):g} CPUs and "
        f"{has.get('GPU', 0):g} GPUs, of which {free.get('CPU', 0):g} and {free.get('GPU', 0):g} "
        "are free"
    )
