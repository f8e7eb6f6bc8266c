"""What earlier sittings of a run held workers for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reports
from reports import TrialRecord
from reports.epochs import read_epochs
from reports.spending import gpus_each, stage_spending
from search.budgets.spent import Spent
from search.runs.run_directory import RunDirectory

__all__ = ["held_before", "held_now"]


def held_before(run: RunDirectory) -> dict[str, Spent]:
    """What earlier sittings held workers for, by stage.

    A sitting that ended in order has said so in run.yaml; of one that was killed, what its trials
    tell. The cost of a trial that it left running is taken from that of the others.

    Raises:
        RunDirectoryError: if a file of the run is damaged.
    """
    records = reports.read_run(run.path).records
    gpus = {"resources": run.info.get("resources", {})}  # each worker's: all else is not asked here
    known = {stage: _spent(one) for stage, one in stage_spending(gpus, records).items()}
    if left := _left_running(run, records):
        search = known.get("search", Spent())
        known["search"] = search + Spent.at(_rate(search), left, gpus_each(run.info))
    for stage, one in stage_spending(run.info, records).items():
        if _spent(one).seconds >= known.get(stage, Spent()).seconds:
            known[stage] = _spent(one)
    return known


def held_now(spent: Mapping[str, Spent]) -> dict[str, Any]:
    """What run.yaml says of it: by stage, and the seconds of all."""
    return {
        "held_seconds": round(sum(one.seconds for one in spent.values()), 1),
        "held": {
            stage: {
                "seconds": round(one.seconds, 3),
                "cost": round(one.cost, 6),
                "unpriced_seconds": round(one.unpriced, 3),
                "lost_workers": one.lost,
                "gpu_seconds": round(one.gpu_seconds, 3),
            }
            for stage, one in spent.items()
        },
    }


def _spent(told: Mapping[str, float]) -> Spent:
    return Spent(
        seconds=told["seconds"],
        cost=told["cost"],
        unpriced=told["unpriced_seconds"],
        lost=int(told["lost_workers"]),
        gpu_seconds=told["gpu_seconds"],
    )


def _rate(spent: Spent) -> float | None:
    """What a second cost on average; None where none has a price."""
    priced = spent.seconds - spent.unpriced
    return spent.cost / priced if priced > 0 else None


def _left_running(run: RunDirectory, records: tuple[TrialRecord, ...]) -> float:
    """Seconds of the epochs of trials that have no record."""
    recorded = {record.trial_id for record in records}
    paths = run.path.glob("trials/*/epochs.jsonl")
    left = [path for path in paths if path.parent.name not in recorded]
    return sum(epoch.seconds for path in left for epoch in read_epochs(path))
