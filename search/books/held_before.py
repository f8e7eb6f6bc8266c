"""For how long earlier sittings of a run held workers."""

from __future__ import annotations

import reports
from reports import TrialRecord
from reports.epochs import read_epochs
from search.runs.run_directory import RunDirectory

__all__ = ["held_before"]


def held_before(run: RunDirectory) -> float:
    """Seconds that earlier sittings held workers for.

    A sitting that ended in order has said so in run.yaml; of one that was killed, what its trials
    tell.

    Raises:
        RunDirectoryError: if a file of the run is damaged.
    """
    records = reports.read_run(run.path).records
    ended = sum(record.held_seconds or record.seconds for record in records)
    said = float(run.info.get("held_seconds", 0.0))
    return max(said, ended + _left_running(run, records))


def _left_running(run: RunDirectory, records: tuple[TrialRecord, ...]) -> float:
    """Seconds of the epochs of trials that have no record."""
    recorded = {record.trial_id for record in records}
    paths = run.path.glob("trials/*/epochs.jsonl")
    left = [path for path in paths if path.parent.name not in recorded]
    return sum(epoch.seconds for path in left for epoch in read_epochs(path))
