"""Stage 4: the winner's top block at a low learning rate, kept only if validation agrees."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from neurosweep.errors import TrialError
from reports import Stage, Status, TrialRecord
from reports.ranking import Ranking
from search.books.weights_kept import load_weights, save_array, save_weights
from search.runs.run_directory import RunDirectory
from search.stages.context import Run, StageWorkers
from trainables import FineTune, FitResult, Recipe

__all__ = ["fine_tune", "read_recipe", "winner_of"]

_MOST_EPOCHS = 10
_PATIENCE = 3


def winner_of(records: Iterable[TrialRecord], ranking: Ranking) -> TrialRecord:
    """Returns the first in rank; a tie goes to the one before fine-tuning."""
    return ranking.ranked(records)[0]


def fine_tune(run: Run, worker: StageWorkers) -> TrialRecord | None:
    """Fine-tunes the best trial of the search; returns its record, or None if there is one."""
    searched = [record for record in run.records if record.stage == Stage.SEARCH]
    parent = winner_of(searched, run.ranking)
    if any(record.parent_id == parent.trial_id for record in run.records):
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
        result: FitResult = worker.run(
            "fine_tune", payload, seconds=run.budget.fine_tune_seconds_left()
        )
    except TrialError as error:
        run.display.note(f"fine-tuning failed; {parent.trial_id} stays the winner (log.txt)")
        return _failed(run.directory, parent, settings, str(error), started)
    if result.stop_reason == "stopped":
        # A replay ends where the budget ended this one.
        recipe = replace(recipe, fine_tune=replace(settings, epochs=max(1, result.epochs)))
    record = _record(parent, recipe, result, started)
    _keep(run.directory, record, recipe, result)
    return record


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
        setup_seconds=None,
        tracing_seconds=None,
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


def _record(parent: TrialRecord, recipe: Recipe, result: FitResult, started: str) -> TrialRecord:
    reason = {"stopped": "budget"}.get(result.stop_reason, result.stop_reason)
    better = (result.val_accuracy, -result.val_loss) >= (
        result.before_val_accuracy,
        -(result.before_val_loss or 0.0),
    )
    return replace(
        parent,
        trial_id=f"{parent.trial_id}-ft",
        parent_id=parent.trial_id,
        stage=Stage.FINE_TUNE,
        status=Status.COMPLETED,
        stop_reason=reason if better else f"{reason}, not kept",
        val_accuracy=result.val_accuracy,
        val_loss=result.val_loss,
        epochs=result.epochs,
        epochs_allowed=recipe.fine_tune.epochs if recipe.fine_tune else result.epochs,
        kept_epoch=result.kept_epoch,
        seconds=result.seconds,
        setup_seconds=result.setup_seconds,
        tracing_seconds=result.tracing_seconds,
        parameters=result.parameters,
        started_at=started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        fine_tune=asdict(recipe.fine_tune) if recipe.fine_tune else None,
    )


def _keep(run: RunDirectory, record: TrialRecord, recipe: Recipe, result: FitResult) -> None:
    trial_id = record.trial_id
    save_weights(run, trial_id, result.weights)
    save_array(run, f"trials/{trial_id}/validation.npy", result.validation_probabilities)
    history: list[Any] = list(result.history)
    lines = "".join(json.dumps(epoch) + "\n" for epoch in history)
    run.write(f"trials/{trial_id}/epochs.jsonl", lines.encode())
    run.count(record, recipe=recipe.to_dict())
