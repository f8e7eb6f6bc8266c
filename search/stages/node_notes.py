"""What run.yaml says of nodes, an entry for each.

Under `nodes` those that answered; under `decoded` and `delivered` what they built and were brought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from search.runs.run_directory import RunDirectory
from search.workers.depot import RemoteDepot
from search.workers.node_images import DECODED

__all__ = ["note_caches", "note_nodes", "note_present"]


def note_caches(run: RunDirectory, built: Sequence[Mapping[str, Any]]) -> None:
    """Notes decoded caches that a stage had built, each with `node`, `size`, `color`, `seconds`."""
    _add(run, {DECODED: built})


def note_nodes(run: RunDirectory, depot: RemoteDepot | None) -> None:
    """Notes what workers told the depot since this was called last."""
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for kind, entry in [] if depot is None else depot.take_notes():
        told[kind].append(entry)
    _add(run, told)


def note_present(run: RunDirectory, present: Sequence[Mapping[str, Any]]) -> None:
    """Notes the nodes that answered in this sitting, beside those of earlier ones.

    Args:
        run: The run directory.
        present: All that answered so far, each with its `address`; what an earlier sitting said of
            the same address is replaced.
    """
    known = {one["address"] for one in present}
    earlier = [one for one in run.info.get("nodes", []) if one.get("address") not in known]
    run.update(nodes=[*earlier, *map(dict, present)])


def _add(run: RunDirectory, told: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Adds them to those of earlier stages and sittings."""
    new = {
        kind: [*run.info.get(kind, []), *map(dict, entries)]
        for kind, entries in told.items()
        if entries
    }
    if new:
        run.update(**new)
