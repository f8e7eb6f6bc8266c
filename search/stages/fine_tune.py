"""Stage 5: the winner's top block at a low learning rate, kept only if validation agrees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import spaces
from neurosweep.errors import OutOfMemoryError, TrialError, WorkerLostError
from reports import Origin, Stage, Status, TrialRecord
from reports.ranking import Ranking
from search.books.attempts import with_spent
from search.books.trial_records import first_line, judged, parts_of
from search.books.weights_kept import has_weights, load_weights, save_array, save_weights
from search.budgets.spent import Spent
from search.runs.run_directory import RunDirectory
from search.stages.context import FINAL_STAGES, Run, StageWorkers
from search.studies.second_study import propose_fine_tuning
from trainables import FineTune, FitResult, Recipe

__all__ = ["fine_tune", "read_recipe", "winner_of"]

_NOT_OF_THE_PARENT: dict[str, Any] = dict.fromkeys(
    (
        "stop_detail",
        "val_missed_positives",
        "val_macro_f1",
        "val_roc_auc",
        "val_classes",
        "val_calibration_error",
        "val_calibration_error_scaled",
        "temperature",
        "node",
        "worker",
        "latency_ms",
        "feasible",
        "held_seconds",
        "gpu_hours",
        "cost",
        "lost_workers",
        "lost_seconds",
        "setup_seconds",
        "tracing_seconds",
    )
)
"""What was measured of the parent, and says nothing about the model after it."""

_MOST_EPOCHS = 10
_PATIENCE = 3


@dataclass(frozen=True, kw_only=True)
class _Begun:
    at: str  # UTC, ISO 8601
    held: Spent | None  # what the worker of the final stages had come to


def winner_of(records: Iterable[TrialRecord], ranking: Ranking) -> TrialRecord:
    """Returns the first in rank; a tie goes to the one before fine-tuning."""
    return ranking.ranked(records)[0]


def fine_tune(run: Run, worker: StageWorkers) -> None:
    """Fine-tunes the best trial of the search in a few ways, as far as there is time for it.

    Paper A's way comes first; if it fails, no other is tried. After another that fails the next
    one is. The backbones that the experiment names beside the winner are fine-tuned in paper A's
    way alone. What was done by an earlier sitting is not done again. What was no fault of the
    trial is not recorded, so that a later sitting does it. Records are added to those of the run;
    of each trial's fine-tunings the weights of the best are kept.
    """
    searched = [record for record in run.records if record.stage == Stage.SEARCH]
    parent = winner_of(searched, run.ranking)
    goes_on = _tune(run, worker, parent, ways=run.plan.experiment.final.fine_tune_trials)
    for name in run.plan.experiment.final.fine_tune_backbones:
        another = _trial_of(run, searched, name)
        if goes_on and another is not None and another != parent:
            goes_on = _tune(run, worker, another, ways=1)


def _trial_of(run: Run, searched: Sequence[TrialRecord], backbone: str) -> TrialRecord | None:
    """The trial of a backbone with the paper's head, else its best one; None if none can be."""
    own = [
        record
        for record in run.ranking.ranked(searched)
        if record.backbone == backbone and has_weights(run.directory, record.trial_id)
    ]
    if not own:
        run.display.note(
            f"{backbone} is not fine-tuned: no trial of it completed, or its weights were not "
            "kept; a larger final.finalists keeps more"
        )
    from_paper = [record for record in own if record.origin == Origin.PAPER]
    return next(iter([*from_paper, *own]), None)


def _tune(run: Run, worker: StageWorkers, parent: TrialRecord, *, ways: int) -> bool:
    """Fine-tunes one trial; False if there is no time, or no worker, for anything further."""
    for number in range(1, ways + 1):
        done = _done(run, parent)
        if any(record.trial_id == _name(parent, number) for record in done):
            continue
        if done and done[0].status == Status.FAILED:
            return True
        if (left := _too_little_time(run, [parent, *done][-1])) is not None:
            run.display.note(
                f"fine-tuning {number} of {parent.trial_id} left out: {left:.0f} s are left, and "
                "an epoch takes longer"
            )
            return False
        settings = _settings(run, done)
        if settings is None:
            run.display.note(
                f"fine-tuning {number} of {parent.trial_id} left out: there is no other way to try"
            )
            return True
        record = _try(run, worker, parent, number, settings)
        if record is None:
            return False
        run.records.append(record)
    return True


def _done(run: Run, parent: TrialRecord) -> list[TrialRecord]:
    """Fine-tunings of a trial that ended, in their order."""
    of_parent = [record for record in run.records if record.parent_id == parent.trial_id]
    return [record for record in of_parent if record.stage == Stage.FINE_TUNE]


def _name(parent: TrialRecord, number: int) -> str:
    return f"{parent.trial_id}-ft" + ("" if number == 1 else str(number))


def _settings(run: Run, done: Sequence[TrialRecord]) -> FineTune | None:
    """How to fine-tune next, by what is known of the ways tried so far; None without another."""
    tried = [
        (
            {name: record.fine_tune[name] for name in spaces.PAPER_FINE_TUNING},
            _score(run, record),
        )
        for record in done
        if record.fine_tune is not None
    ]
    seed = run.plan.experiment.search.seed
    chosen: dict[str, Any] | None = propose_fine_tuning(tried, seed=seed)
    if chosen is None:
        return None
    epochs = min(_MOST_EPOCHS, run.plan.experiment.epochs)
    return FineTune(epochs=epochs, patience=min(_PATIENCE, epochs), **chosen)


def _score(run: Run, record: TrialRecord) -> float | None:
    """What the small study is told of a way; None of one that failed."""
    if record.val_accuracy is None or record.val_loss is None:
        return None
    return run.plan.experiment.search.aim.epoch_score(record.val_accuracy, record.val_loss)


def _try(
    run: Run,
    worker: StageWorkers,
    parent: TrialRecord,
    number: int,
    settings: FineTune,
    begun: _Begun | None = None,
) -> TrialRecord | None:
    """One way of fine-tuning; its record, or None if there is none and no other is to follow.

    Out of memory it begins again, and both attempts are one: `begun` is of the first.
    """
    recipe = replace(read_recipe(run.directory, parent.trial_id), fine_tune=settings)
    begun = begun or _Begun(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        held=run.budget.held.of(FINAL_STAGES),
    )
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
        if isinstance(error, OutOfMemoryError) and settings.accumulation == 1:
            note = "fine-tuning ran out of memory and begins again with each batch in 2 parts"
            run.display.note(note)
            return _try(run, worker, parent, number, replace(settings, accumulation=2), begun)
        name = _name(parent, number)
        run.display.note(f"fine-tuning failed; {parent.trial_id} stays the winner ({name}/log.txt)")
        failed = _failed(parent, name, settings, error, begun.at)
        return _write_failed(run.directory, _paid(run, failed, begun.held), str(error))
    if result is None:
        why = "the time was over before its first epoch"
        run.display.note(_left_out(parent, why, "--resume with more time tries again"))
        return None
    recipe = replace(recipe, fine_tune=_as_done(settings, result))
    record = _record(run, parent, _name(parent, number), recipe, result, begun.at)
    record = _paid(run, record, begun.held)
    _keep(run, record, recipe, result)
    return record


def _as_done(settings: FineTune, result: FitResult) -> FineTune:
    """What a replay has to do: with the same cache, and to where the budget ended this one."""
    settings = replace(settings, cache=result.cache or settings.cache)
    if result.stop_reason == "stopped":
        return replace(settings, epochs=max(1, result.epochs))
    return settings


def _left_out(parent: TrialRecord, why: str, what_next: str) -> str:
    return f"fine-tuning left out: {why}; {parent.trial_id} stays the winner, and {what_next}"


def _too_little_time(run: Run, parent: TrialRecord) -> float | None:
    """The seconds left where they are fewer than an epoch of the trial took, else None."""
    left = run.budget.fine_tune_seconds_left()
    return left if left is not None and left < parent.seconds / max(1, parent.epochs) else None


def _paid(run: Run, record: TrialRecord, before: Spent | None) -> TrialRecord:
    """The record with what the worker of the final stages came to meanwhile."""
    after = run.budget.held.of(FINAL_STAGES)
    if before is None or after is None:
        return record
    return with_spent(record, after - before)


def _failed(
    parent: TrialRecord,
    name: str,
    settings: FineTune,
    error: TrialError,
    started: str,
) -> TrialRecord:
    """A fine-tuning that did not come to its end; the parent is not touched by it."""
    message, memory = str(error), isinstance(error, OutOfMemoryError)
    return replace(
        parent,
        trial_id=name,
        parent_id=parent.trial_id,
        stage=Stage.FINE_TUNE,
        status=Status.FAILED,
        stop_reason=OutOfMemoryError.__name__ if memory else "failed",
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
        accumulation=parts_of(settings.accumulation),
    )


def _write_failed(run: RunDirectory, record: TrialRecord, message: str) -> TrialRecord:
    run.trial(record.trial_id)
    run.write(f"trials/{record.trial_id}/log.txt", (message.rstrip() + "\n").encode())
    run.count(record)
    return record


def read_recipe(run: RunDirectory, trial_id: str) -> Recipe:
    """Reads the recipe in a trial's record.json."""
    content = json.loads((run.path / "trials" / trial_id / "record.json").read_text("utf-8"))
    return Recipe.from_dict(content["recipe"])


def _record(
    run: Run, parent: TrialRecord, name: str, recipe: Recipe, result: FitResult, started: str
) -> TrialRecord:
    reason = {"stopped": "budget"}.get(result.stop_reason, result.stop_reason)
    measured = {
        "latency_ms": parent.latency_ms,  # the network is the same
        **run.validation_scores().of(result.validation_probabilities),
        "node": result.node,
        "setup_seconds": result.setup_seconds,
        "tracing_seconds": result.tracing_seconds,
    }
    record = replace(
        parent,
        **{**_NOT_OF_THE_PARENT, **measured},
        trial_id=name,
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
        accumulation=parts_of(recipe.fine_tune.accumulation) if recipe.fine_tune else None,
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


def _keep(run: Run, record: TrialRecord, recipe: Recipe, result: FitResult) -> None:
    """Writes what belongs to a fine-tuned model; of several the best one's weights are kept."""
    directory, trial_id = run.directory, record.trial_id
    others = [
        one
        for one in run.records
        if one.stage == Stage.FINE_TUNE
        and one.parent_id == record.parent_id
        and has_weights(directory, one.trial_id)
    ]
    is_best = run.ranking.ranked([record, *others])[:1] in ([record], [])
    if is_best:
        save_weights(directory, trial_id, result.weights)
    save_array(directory, f"trials/{trial_id}/validation.npy", result.validation_probabilities)
    history: list[Any] = list(result.history)
    lines = "".join(json.dumps(epoch) + "\n" for epoch in history)
    directory.write(f"trials/{trial_id}/epochs.jsonl", lines.encode())
    directory.count(record, recipe=recipe.to_dict())
    for one in others if is_best else ():
        directory.remove(f"trials/{one.trial_id}/weights.npz")
