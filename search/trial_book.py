"""Keeps the books of a search: hands out trials, notes their epochs, records how they ended.

Free of Ray and of TensorFlow: Tune's adapter calls it, and so can a simulator. A trial counts
when its line stands in trials.jsonl; only then is Optuna told.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import WorkerLostError
from reports import Origin, Stage, Status, TrialRecord
from reports.epochs import EpochRecord as ReadEpoch
from reports.epochs import read_epochs
from search.assignment import Assignment, Plan
from search.budget import Budget
from search.display import Display
from search.failure_streak import FailureStreak
from search.recorded_trials import RecordedTrial
from search.run_directory import RunDirectory
from search.states_kept import StatesKept
from search.study import Ending, Study, Suggestion
from search.weights_kept import WeightsKept
from trainables import EpochRecord

__all__ = ["Outcome", "TrialBook", "Weights", "best_epoch"]

Weights = list[NDArray[np.generic]]

_ATTEMPTS = 3
"""How often a trial is begun that loses its worker: no fault of its own, but not for ever."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a trial ended by itself.

    Attributes:
        result: The fit's result without its weights, or None if it failed.
        failure: Kind, message and traceback of a failure, or None.
        fetch_weights: Brings the weights from the worker; called only if they are to be kept.
    """

    result: Mapping[str, Any] | None = None
    failure: Mapping[str, str] | None = None
    fetch_weights: Callable[[], Weights] | None = None


@dataclass
class _Running:
    assignment: Assignment
    started_at: str
    epochs: list[EpochRecord] = field(default_factory=list)
    best: float = -math.inf
    stop_detail: str | None = None


def best_epoch(epochs: list[EpochRecord]) -> EpochRecord:
    """Returns the epoch whose weights are kept: highest accuracy, then lowest loss, then first."""
    return min(epochs, key=lambda e: (-e["val_accuracy"], e["val_loss"], e["epoch"]))


class TrialBook:
    """The trials of one search stage."""

    def __init__(
        self,
        *,
        run: RunDirectory,
        study: Study,
        plan: Plan,
        budget: Budget,
        display: Display,
        facts: Mapping[str, Any],
    ) -> None:
        """Opens the books.

        Args:
            run: The run directory, held by this process.
            study: The study that proposes configurations.
            plan: What recipes are made from.
            budget: What may be spent.
            display: Shown every change.
            facts: What all records have in common: data_fingerprint, synthetic, runtime.
        """
        self._run = run
        self._study = study
        self._plan = plan
        self._budget = budget
        self._display = display
        self._facts = facts
        self.records: list[TrialRecord] = []
        self._running: dict[str, _Running] = {}
        self._again: list[Suggestion] = []
        self._lost: Counter[str] = Counter()
        self._streak = FailureStreak(run.path)
        self._kept = WeightsKept(run, plan.experiment.final.finalists)
        self._states = StatesKept(run, facts)

    def resume(self, records: list[TrialRecord]) -> None:
        """Takes over what an earlier driver recorded, and the trials it left running."""
        searched = [record for record in records if record.stage == Stage.SEARCH]
        self.records = searched
        self._kept.resume(searched)
        self._display.resumed(searched)
        self._states.drop_of(record.trial_id for record in searched)
        self._study.restore(self._recorded(record) for record in searched)
        self._study.close_recorded({_number(record): _ending(record) for record in searched})
        self._again = self._study.interrupted()

    def _recorded(self, record: TrialRecord) -> RecordedTrial:
        path = self._run.path / "trials" / record.trial_id / "epochs.jsonl"
        return RecordedTrial(
            number=_number(record),
            configuration=record.hyperparameters,
            origin=str(record.origin),
            read_scores=lambda: _scores(read_epochs(path)),
        )

    @property
    def running(self) -> int:
        """Trials handed out and not yet ended."""
        return len(self._running)

    @property
    def interrupted(self) -> dict[str, int]:
        """Trials of an earlier sitting that start again, with the epochs each is allowed."""
        return {one.trial_id: self._plan.experiment.epochs for one in self._again}

    @property
    def running_trials(self) -> list[str]:
        """The names of those trials, in the order in which they were handed out."""
        return list(self._running)

    @property
    def exhausted(self) -> bool:
        """Whether no further trial may start."""
        return not self._budget.allows_another_trial(len(self.records) + self.running)

    def next_assignment(self) -> Assignment | None:
        """Hands out the next trial; an interrupted one first, under its own number.

        One whose state was kept goes on from it, whoever trained it before. None if every
        configuration of a finite space has been handed out.
        """
        suggestion = self._again.pop(0) if self._again else self._study.ask()
        if suggestion is None:
            return None
        recipe = self._plan.recipe(suggestion)
        found = self._states.find(suggestion.trial_id, recipe)
        assignment = Assignment(
            suggestion=suggestion,
            recipe=recipe,
            seconds_left=self._budget.search_seconds_left(),
            state=found.content,
            score=max((epoch["val_accuracy"] for epoch in found.epochs), default=0.0),
        )
        trial_id = assignment.trial_id
        self._running[trial_id] = _Running(assignment, _now())
        self._run.trial(trial_id)
        self._display.started(trial_id, suggestion.configuration, suggestion.note)
        self._begin_after(trial_id, found.epochs)
        if found.damage is not None:
            self._display.note(f"{trial_id} starts anew: {found.damage}")
        return assignment

    def _begin_after(self, trial_id: str, epochs: list[EpochRecord]) -> None:
        """Sets a running trial's epochs to those that it will not train again."""
        running = self._running[trial_id]
        running.epochs.clear()
        running.best = -math.inf
        lines = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
        self._run.write(f"trials/{trial_id}/epochs.jsonl", lines.encode())
        for epoch in epochs:
            self._know(running, epoch)
        if epochs:
            self._display.note(f"{trial_id} goes on after epoch {len(epochs)}")

    def keep_state(self, trial_id: str, fetch: Callable[[], bytes]) -> None:
        """Keeps the state of a running trial after the epoch noted last.

        Args:
            trial_id: The trial.
            fetch: Brings the state from the worker; called only if there is time to write it.
        """
        self._states.offer(trial_id, fetch)

    def start_anew(self, trial_id: str, reason: str) -> None:
        """Takes back a running trial's epochs: its worker could not go on from the kept state."""
        self._states.drop(trial_id)
        self._begin_after(trial_id, [])
        self._display.note(f"{trial_id} starts anew: {reason}")

    def note_epoch(self, trial_id: str, epoch: EpochRecord, where: str | None = None) -> None:
        """Notes one epoch of a running trial; `where` names the node and process it ran on."""
        self._run.append(f"trials/{trial_id}/epochs.jsonl", json.dumps(epoch))
        self._know(self._running[trial_id], epoch, where)

    def _know(self, running: _Running, epoch: EpochRecord, where: str | None = None) -> None:
        """Adds an epoch whose line is written; the study leaves out those it has been told of."""
        running.epochs.append(epoch)
        number = running.assignment.suggestion.number
        running.best = max(running.best, epoch["val_accuracy"])
        self._study.report(number, epoch["epoch"], running.best)
        allowed = self._plan.experiment.epochs
        self._display.epoch(running.assignment.trial_id, epoch, allowed, where)

    def note_stop(self, trial_id: str, reason: str) -> None:
        """Notes in words why the scheduler stops a running trial, for its record."""
        self._running[trial_id].stop_detail = reason

    def end(self, trial_id: str, outcome: Outcome | None) -> TrialRecord | None:
        """Records the end of a trial; no outcome means that the scheduler stopped it.

        A trial that lost its worker is not over: it is handed out again under its own number, up
        to three times in all.

        Returns:
            The record, or None if the trial will be handed out again.

        Raises:
            RepeatedFailureError: if it was one failure of a kind too many, after it was recorded.
        """
        running = self._running[trial_id]
        try:
            record = self._how_it_ended(running, outcome)
        except WorkerLostError as error:
            if self._hand_out_again(running, str(error)):
                return None
            record = self._lost_for_good(running, str(error))
        self._write(record, running)
        del self._running[trial_id]
        self._kept.tidy(record)
        self._states.drop(trial_id)
        self._tell(record, running.assignment.suggestion.number)
        completed = any(known.status == Status.COMPLETED for known in self.records)
        self._streak.note(record, none_completed=not completed)
        return record

    def _how_it_ended(self, running: _Running, outcome: Outcome | None) -> TrialRecord:
        """The record of an end; raises WorkerLostError where it was none of the trial's own."""
        if outcome is None:
            if running.epochs:
                return self._pruned(running)
            raise WorkerLostError("the worker was lost before the trial's first epoch")
        if outcome.result is not None:
            return self._keep_model(running, outcome, outcome.result)
        failure = outcome.failure or {}
        if failure.get("kind") == WorkerLostError.__name__:
            raise WorkerLostError(failure.get("message", ""))
        return self._failed(running, failure)

    def _hand_out_again(self, running: _Running, reason: str) -> bool:
        """Puts a trial that lost its worker before all others, if it may have another attempt."""
        trial_id = running.assignment.trial_id
        self._lost[trial_id] += 1
        del self._running[trial_id]
        if self._lost[trial_id] >= _ATTEMPTS or self.exhausted:
            self._running[trial_id] = running
            return False
        self._again.append(running.assignment.suggestion)
        self._display.note(
            f"{trial_id} lost its worker and starts again (attempt {self._lost[trial_id] + 1} of "
            f"{_ATTEMPTS}): {_first_line(reason)}"
        )
        return True

    def _lost_for_good(self, running: _Running, reason: str) -> TrialRecord:
        times = self._lost[running.assignment.trial_id]
        lost = f"the trial lost its worker in {times} of {_ATTEMPTS} attempts"
        message = f"{lost}, the last time: {reason}"
        return self._failed(running, {"kind": WorkerLostError.__name__, "message": message})

    def _keep_model(
        self, running: _Running, outcome: Outcome, result: Mapping[str, Any]
    ) -> TrialRecord:
        """Saves predictions and, for a finalist, weights; a completed trial's record."""
        record = self._completed(running, result)
        predictions = np.asarray(result["validation_probabilities"], np.float32)
        if outcome.fetch_weights is not None:
            self._kept.consider(record, outcome.fetch_weights)
        self._kept.save_predictions(record.trial_id, predictions)
        return record

    def _completed(self, running: _Running, result: Mapping[str, Any]) -> TrialRecord:
        # A fit is only told to stop when the time for the search is over.
        stopped = result["stop_reason"] == "stopped"
        return self._record(
            running,
            status=Status.COMPLETED,
            stop_reason="budget" if stopped else result["stop_reason"],
            val_accuracy=float(result["val_accuracy"]),
            val_loss=float(result["val_loss"]),
            epochs=int(result["epochs"]),
            kept_epoch=int(result["kept_epoch"]),
            seconds=float(result["seconds"]),
            parameters=int(result["parameters"]),
        )

    def _pruned(self, running: _Running) -> TrialRecord:
        kept = best_epoch(running.epochs)
        return self._record(
            running,
            status=Status.PRUNED,
            stop_reason="scheduler",
            stop_detail=running.stop_detail,
            val_accuracy=kept["val_accuracy"],
            val_loss=kept["val_loss"],
            epochs=len(running.epochs),
            kept_epoch=kept["epoch"],
            seconds=sum(epoch["seconds"] for epoch in running.epochs),
        )

    def _failed(self, running: _Running, failure: Mapping[str, str]) -> TrialRecord:
        kind = failure.get("kind", "TrialError")
        message = failure.get("message", "")
        log = failure.get("traceback", message)
        trial_id = running.assignment.trial_id
        self._run.write(f"trials/{trial_id}/log.txt", (log.rstrip() + "\n").encode())
        return self._record(
            running,
            status=Status.FAILED,
            stop_reason=kind,
            epochs=len(running.epochs),
            seconds=sum(epoch["seconds"] for epoch in running.epochs),
            error=_first_line(f"{kind}: {message}"),
        )

    def _record(self, running: _Running, **figures: Any) -> TrialRecord:
        suggestion, recipe = running.assignment.suggestion, running.assignment.recipe
        backbone = suggestion.configuration.get("transfer/backbone")
        return TrialRecord(
            trial_id=suggestion.trial_id,
            stage=Stage.SEARCH,
            origin=Origin(suggestion.origin),
            family=recipe.family,
            backbone=None if backbone is None else str(backbone),
            weights=recipe.weights,
            hyperparameters=dict(recipe.configuration),
            seed=recipe.seed,
            epochs_allowed=recipe.epochs,
            image_size=recipe.task.image_size,
            started_at=running.started_at,
            finished_at=_now(),
            setup_seconds=_total(running.epochs, "setup_seconds"),
            tracing_seconds=_total(running.epochs, "tracing_seconds"),
            **{**self._facts, **figures},
        )

    def _write(self, record: TrialRecord, running: _Running) -> None:
        recipe = running.assignment.recipe
        if record.stop_reason in ("budget", "scheduler"):
            # Its schedule was made for more epochs than it got: a replay stops where it did.
            recipe = replace(recipe, stop_epoch=record.epochs)
        self._run.count(record, recipe=recipe.to_dict())
        self.records.append(record)

    def _tell(self, record: TrialRecord, number: int) -> None:
        if record.status == Status.COMPLETED and record.val_accuracy is not None:
            self._study.complete(number, [record.val_accuracy])
        elif record.status == Status.PRUNED:
            self._study.prune(number)
        else:
            self._study.fail(number, record.error or "")
        self._display.ended(record)


def _scores(epochs: Iterable[ReadEpoch]) -> dict[int, float]:
    """The best accuracy so far after each epoch, as it is reported to the study."""
    scores: dict[int, float] = {}
    for epoch in epochs:
        scores[epoch.epoch] = max(epoch.val_accuracy, *scores.values(), 0.0)
    return scores


def _number(record: TrialRecord) -> int:
    return int(record.trial_id.removeprefix("t"))


def _ending(record: TrialRecord) -> Ending:
    completed = record.status == Status.COMPLETED and record.val_accuracy is not None
    values = (record.val_accuracy,) if completed and record.val_accuracy is not None else ()
    return Ending(status=record.status, values=values, reason=record.error or "")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _total(epochs: list[EpochRecord], name: str) -> float | None:
    """Sum of what first epochs alone tell; None if none did."""
    known = [float(epoch[name]) for epoch in epochs if name in epoch]  # type: ignore[literal-required]
    return sum(known) if known else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
