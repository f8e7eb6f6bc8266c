"""Nodes that a cluster keeps from its start, and a driver that is there before they are."""

from __future__ import annotations

import time
from collections.abc import Callable

import yaml

__all__ = ["kept_nodes", "wait_for_nodes"]

_LIMIT = 180.0
"""Seconds that are waited: a node of one's own is set up and joins within a minute."""

_LOOK_EVERY = 2.0


def kept_nodes(text: str) -> int:
    """Nodes that a cluster keeps, the head included, as its autoscaler's file says.

    Raises:
        ValueError: It is no cluster file.
    """
    try:
        kinds = yaml.safe_load(text)["available_node_types"].values()
        return 1 + sum(int(kind.get("min_workers", 0)) for kind in kinds)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        line = str(error).partition("\n")[0]
        raise ValueError(f"its file is no cluster file: {type(error).__name__}: {line}") from None


def wait_for_nodes(
    kept: int,
    count: Callable[[], int],
    note: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until all nodes that a cluster keeps are there, and for no longer than some minutes.

    How many trials run at once is counted on nodes; those that a kind without a fixed size brings
    are known only when they are there.

    Args:
        kept: Nodes that it keeps.
        count: Counts those that are there.
        note: Tells a person.
        clock: Returns seconds; only differences are used.
        sleep: Waits so long.
    """
    end = clock() + _LIMIT
    if (there := count()) < kept:
        note(f"waiting for {kept - there} of the {kept} nodes that this cluster keeps")
    while (there := count()) < kept and clock() < end:
        sleep(_LOOK_EVERY)
    if there < kept:
        note(f"going on without {kept - there} nodes; `ray status` on the head says what they lack")
