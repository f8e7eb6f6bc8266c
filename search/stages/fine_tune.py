"""Stage 4: the winner's top block at a low learning rate, kept only if validation agrees."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from neurosweep.errors import TrialError, WorkerLostError
from reports import Stage, Status, TrialRecord
from reports.ranking import Ranking
from search.books.trial_records import first_line, judged
from search.books.weights_kept import load_weights, save_array, save_weights
from search.runs.run_directory import RunDirectory
from search.stages.context import Run, StageWorkers
from trainables import FineTune, FitResult, Recipe

__all__ = ["fine_tune", "read_recipe", "winner_of"]

_NOT_OF_THE_PARENT: dict[str, Any] = dict.fromkeys(
    (
        "stop_detail",
        "val_missed_positives",
        "latency_ms",
        "feasible",
        "held_seconds",
        "setup_seconds",
        "tracing_seconds",
    )
)
"""What was measured of the parent, and says nothing about the model after it."""

_MOST_EPOCHS = 10
_PATIENCE = 3


def winner_of(records: Iterable[TrialRecord], ranking: Ranking) -> TrialRecord:
    """Returns the first in rank; a tie goes to the one before fine-tuning."""
    return ranking.ranked(records)[0]


def fine_tune(run: Run, worker: StageWorkers) -> TrialRecord | None:
    """Fine-tunes the best trial of the search, unless that was done or there is no time for it.

    What was no fault of the trial is not recorded, so that a later sitting does it.

    Returns:
        Its record; None if there is one already, the time was over before an epoch was, or its
        worker was lost time after time.
    """
    searched = [record for record in run.records if record.stage == Stage.SEARCH]
    parent = winner_of(searched, run.ranking)
    if any(r.parent_id == parent.trial_id for r in run.records if r.stage == Stage.FINE_TUNE):
        return None
    if (left := _too_little_time(run, parent)) is not None:
        run.display.note(f"fine-tuning left out: {left:.0f} s are left, and an epoch takes longer")
        return None
    epochs = min(_MOST_EPOCHS, run.plan.experiment.epochs)
    settings = FineTune(epochs=epochs, patience=min(_PATIENCE, epochs))
    recipe = replace(read_recipe(run.directory, parent.trial_id), fine_tune=settings)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    payload = {
        "recipe": recipe,
        "weights": load_weights(run.directory, parent.trial_id),
        "source": run.source,
    }
    try:
        result: FitResult | None = worker.run(
            "fine_tune", payload, seconds=run.budget.fine_tune_seconds_left()
        )
    except WorkerLostError as error:
        run.display.note(_left_out(parent, first_line(str(error)), "--resume tries again"))
        return None
    except TrialError as error:
        run.display.note(f"fine-tuning failed; {parent.trial_id} stays the winner (log.txt)")
        return _failed(run.directory, parent, settings, str(error), started)
    if result is None:
        why = "the time was over before its first epoch"
        run.display.note(_left_out(parent, why, "--resume with more time tries again"))
        return None
    if result.stop_reason == "stopped":
        # A replay ends where the budget ended this one.
        recipe = replace(recipe, fine_tune=replace(settings, epochs=max(1, result.epochs)))
    record = _record(run, parent, recipe, result, started)
    _keep(run.directory, record, recipe, result)
    return record


def _left_out(parent: TrialRecord, why: str, what_next: str) -> str:
    return f"fine-tuning left out: {why}; {parent.trial_id} stays the winner, and {what_next}"


def _too_little_time(run: Run, parent: TrialRecord) -> float | None:
    """The seconds left where they are fewer than an epoch of the trial took, else None."""
    left = run.budget.fine_tune_seconds_left()
    return left if left is not None and left < parent.seconds / max(1, parent.epochs) else None


def _failed(
    run: RunDirectory, parent: TrialRecord, settings: FineTune, message: str, started: str
) -> TrialRecord:
    """Records a fine-tuning that did not come to its end; the parent is not touched by it."""
    record = replace(
        parent,
        trial_id=f"{parent.trial_id}-ft",
        parent_id=parent.trial_id,
        stage=Stage.FINE_TUNE,
        status=Status.FAILED,
        stop_reason="failed",
        error=message.splitlines()[0],
        val_accuracy=None,
        val_loss=None,
        epochs=0,
        epochs_allowed=settings.epochs,
        kept_epoch=None,
        seconds=0.0,
        **_NOT_OF_THE_PARENT,
        started_at=started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fine_tune=asdict(settings),
    )
    run.trial(record.trial_id)
    run.write(f"trials/{record.trial_id}/log.txt", (message.rstrip() + "\n").encode())
    run.count(record)
    return record


def read_recipe(run: RunDirectory, trial_id: str) -> Recipe:
    """Reads the recipe in a trial's record.json."""
    content = json.loads((run.path / "trials" / trial_id / "record.json").read_text("utf-8"))
    return Recipe.from_dict(content["recipe"])


def _record(
    run: Run, parent: TrialRecord, recipe: Recipe, result: FitResult, started: str
) -> TrialRecord:
    reason = {"stopped": "budget"}.get(result.stop_reason, result.stop_reason)
    count, answers = run.count_missed(), result.validation_probabilities
    measured = {
        "latency_ms": parent.latency_ms,  # the network is the same
        "val_missed_positives": None if count is None else count(answers),
        "setup_seconds": result.setup_seconds,
        "tracing_seconds": result.tracing_seconds,
    }
    record = replace(
        parent,
        **{**_NOT_OF_THE_PARENT, **measured},
        trial_id=f"{parent.trial_id}-ft",
        parent_id=parent.trial_id,
        stage=Stage.FINE_TUNE,
        status=Status.COMPLETED,
        stop_reason=reason,
        val_accuracy=result.val_accuracy,
        val_loss=result.val_loss,
        epochs=result.epochs,
        epochs_allowed=recipe.fine_tune.epochs if recipe.fine_tune else result.epochs,
        kept_epoch=result.kept_epoch,
        seconds=result.seconds,
        parameters=result.parameters,
        started_at=started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fine_tune=asdict(recipe.fine_tune) if recipe.fine_tune else None,
    )
    record = judged(record, run.plan.experiment.search.aim)
    before = replace(
        parent, val_accuracy=result.before_val_accuracy, val_loss=result.before_val_loss
    )
    kept = _is_kept(run.ranking, record, before)
    return record if kept else replace(record, stop_reason=f"{reason}, not kept")


def _is_kept(ranking: Ranking, tuned: TrialRecord, before: TrialRecord) -> bool:
    """Whether a fine-tuned model may be the winner, and is no worse than it was before."""
    return ranking.takes_part(tuned) and ranking.key(tuned)[:2] <= ranking.key(before)[:2]


def _keep(run: RunDirectory, record: TrialRecord, recipe: Recipe, result: FitResult) -> None:
    trial_id = record.trial_id
    save_weights(run, trial_id, result.weights)
    save_array(run, f"trials/{trial_id}/validation.npy", result.validation_probabilities)
    history: list[Any] = list(result.history)
    lines = "".join(json.dumps(epoch) + "\n" for epoch in history)
    run.write(f"trials/{trial_id}/epochs.jsonl", lines.encode())
    run.count(record, recipe=recipe.to_dict())
