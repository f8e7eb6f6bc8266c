"""What a cluster can grow to, as its head is told where no autoscaler's file says it.

KubeRay's autoscaler is a container of its own that is started without a file, so whoever describes
the cluster says it in the environment of the head, which every driver there inherits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from neurosweep.errors import UserError
from search.workers.room import Growth, Room

__all__ = ["MAY_GROW", "read_stated_growth"]

MAY_GROW = "NEUROSWEEP_MAY_GROW"
"""The variable: a list of kinds of nodes, `[{CPU: 8, GPU: 1, nodes: 8}]`."""

_LONGEST = 10_000  # characters
_LARGEST = 1_000_000  # of anything that is counted
_KEYS = {"CPU", "GPU", "nodes"}


def read_stated_growth(text: str) -> Growth:
    """Reads what the variable says.

    Args:
        text: YAML or JSON: a list with a mapping per kind of node. `CPU` and `GPU` (0 if left out)
            are those of one node, `nodes` is how many may come of that kind.

    Raises:
        UserError: It is something else, or longer than 10,000 characters.
    """
    try:
        kinds = [_kind(one) for one in _entries(text)]
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{MAY_GROW} lists the kinds of nodes that a cluster may bring, such as "
            f"[{{CPU: 8, GPU: 1, nodes: 8}}]; received {text[:80]!r}: {line}; write it so in the "
            "head's environment, or leave it out where no nodes come"
        ) from None
    return Growth(kinds=kinds, most=sum(kind.nodes for kind in kinds))


def _entries(text: str) -> list[Any]:
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    said = yaml.safe_load(text)
    if not isinstance(said, list) or not said:
        raise ValueError("it is no list with at least one kind")
    return said


def _kind(said: Any) -> Room:
    if not isinstance(said, dict) or not {"CPU", "nodes"} <= said.keys() <= _KEYS:
        raise ValueError("each kind has CPU and nodes, may have GPU, and no other key")
    nodes = _number(said, "nodes")
    if nodes != int(nodes) or nodes < 1 or _number(said, "CPU") <= 0:
        raise ValueError("nodes is a whole number from 1 on, and CPU is more than 0")
    gpus = _number(said, "GPU") if "GPU" in said else 0.0
    return Room(cpus=_number(said, "CPU"), gpus=gpus, nodes=int(nodes))


def _number(said: Mapping[str, Any], key: str) -> float:
    value = said[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} is a number")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{key} is a number from 0 to {_LARGEST}")
    return float(value)
