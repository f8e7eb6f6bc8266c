"""What a resumed search still knows of the epochs that earlier sittings trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reports import TrialRecord
from reports.epochs import read_epochs
from search.run_directory import RunDirectory
from search.schedule import Rungs

__all__ = ["recall"]


def recall(
    rungs: Rungs, run: RunDirectory, ended: Iterable[TrialRecord], running: Mapping[str, int]
) -> None:
    """Feeds the rungs with every epoch in the run directory, so that a crash loses none of them.

    Args:
        rungs: Those of the sitting that begins.
        run: The run directory, before its trials are handed out again.
        ended: Search trials with a record, in the order in which they ended.
        running: Trials that a killed driver left running, with the epochs each is allowed.

    Raises:
        RunDirectoryError: if a file of epochs is damaged.
    """
    for record in ended:
        _feed(rungs, run, record.trial_id, record.epochs_allowed)
        rungs.ended(record.trial_id)
    for trial_id, allowed in running.items():
        _feed(rungs, run, trial_id, allowed)


def _feed(rungs: Rungs, run: RunDirectory, trial_id: str, allowed: int) -> None:
    path = run.path / "trials" / trial_id / "epochs.jsonl"
    epochs = read_epochs(path) if path.exists() else ()
    rungs.resume(trial_id, allowed, ((epoch.epoch, epoch.val_accuracy) for epoch in epochs))
