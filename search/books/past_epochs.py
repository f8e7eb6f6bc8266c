"""What a resumed search still knows of the epochs that earlier sittings trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from reports import TrialRecord
from reports.epochs import read_epochs
from search.books.rungs import Rungs
from search.objective import Aim
from search.runs.run_directory import RunDirectory
from search.studies.recorded_trials import RecordedTrial
from search.studies.suggestion import number_of

__all__ = ["recall", "recorded_trial"]


def recall(
    rungs: Rungs,
    run: RunDirectory,
    ended: Iterable[TrialRecord],
    running: Mapping[str, int],
    aim: Aim,
) -> None:
    """Feeds the rungs with every epoch in the run directory, so that a crash loses none of them.

    Args:
        rungs: Those of the sitting that begins.
        run: The run directory, before its trials are handed out again.
        ended: Search trials with a record, in the order in which they ended.
        running: Trials that a killed driver left running, with the epochs each is allowed.
        aim: Says what an epoch's score is.

    Raises:
        RunDirectoryError: if a file of epochs is damaged.
    """
    for record in ended:
        rungs.resume(record.trial_id, record.epochs_allowed, _scores(run, record.trial_id, aim))
        rungs.ended(record.trial_id)
    for trial_id, allowed in running.items():
        rungs.resume(trial_id, allowed, _scores(run, trial_id, aim))


def recorded_trial(run: RunDirectory, record: TrialRecord, aim: Aim) -> RecordedTrial:
    """A search trial that ended, for a study whose journal may not know it wholly.

    Args:
        run: The run directory.
        record: The trial's record.
        aim: Says what was reported to the study.
    """
    return RecordedTrial(
        number=number_of(record.trial_id),
        configuration=record.hyperparameters,
        origin=str(record.origin),
        repeat_of=None if record.parent_id is None else number_of(record.parent_id),
        read_scores=lambda: _reported(run, record.trial_id, aim),
    )


def _reported(run: RunDirectory, trial_id: str, aim: Aim) -> dict[int, float]:
    """The best figure so far after each epoch, as the study is told it."""
    reported: dict[int, float] = {}
    if not aim.is_known_per_epoch:
        return reported
    best = -math.inf
    for epoch, score in _scores(run, trial_id, aim):
        best = max(best, score)
        reported[epoch] = aim.figure_of_score(best)
    return reported


def _scores(run: RunDirectory, trial_id: str, aim: Aim) -> list[tuple[int, float]]:
    """The score of each epoch in the trial's epochs.jsonl."""
    path = run.path / "trials" / trial_id / "epochs.jsonl"
    epochs = read_epochs(path) if path.exists() else ()
    return [(one.epoch, aim.epoch_score(one.val_accuracy, one.val_loss)) for one in epochs]
