"""Keeps the books of a search: hands out trials, notes their epochs, records how they ended.

Free of Ray and of TensorFlow: Tune's adapter calls it, and so can a simulator. A trial counts
when its line stands in trials.jsonl; only then is Optuna told.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from statistics import median
from typing import Any, Protocol, cast

import numpy as np

from neurosweep.errors import InfeasibleError, OutOfTimeError, WorkerLostError
from reports import Origin, Stage, TrialRecord
from reports.epochs import read_epochs
from reports.ranking import Ranking
from search.books.assignment import Assignment, Plan
from search.books.attempts import ATTEMPTS, Attempts
from search.books.failure_streak import FailureStreak
from search.books.outcome import Outcome, Weights
from search.books.past_epochs import recorded_trial
from search.books.states_kept import StatesKept
from search.books.teaching import Teacher
from search.books.trial_records import (
    RecordMaker,
    RunningTrial,
    Score,
    first_line,
)
from search.books.weights_kept import WeightsKept
from search.budgets.budget import Budget
from search.budgets.prices import PricedNode
from search.display import Display
from search.runs.run_directory import RunDirectory
from search.studies.study import Study, Suggestion
from search.studies.suggestion import number_of
from trainables import EpochRecord

__all__ = ["Countdown", "Outcome", "TrialBook", "Weights"]


_NO_MORE_BUDGET = "the budget ended before it could start again"

_RECENT = 10  # trials from whose first epochs the next one's is guessed


class Countdown(Protocol):
    """Is told how long the search still goes on."""

    def tell(self, seconds: float | None, last: float | None) -> None:
        """Sets the seconds until no epoch begins, and until none goes on; None is no limit."""


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
        score: Score | None = None,
    ) -> None:
        """Opens the books.

        Args:
            run: The run directory, held by this process.
            study: The study that proposes configurations.
            plan: What recipes are made from.
            budget: What may be spent.
            display: Shown every change.
            facts: What all records have in common: data_fingerprint, synthetic, runtime, split.
            score: Scores validation probabilities; None where their labels are not known.
        """
        self._run = run
        self._study = study
        self._plan = plan
        self._budget = budget
        self._display = display
        self._aim = plan.experiment.search.aim
        self._maker = RecordMaker(facts, self._aim, score)
        self._teacher = Teacher(study, self._aim, repeats=plan.experiment.search.repeats)
        self.records: list[TrialRecord] = []
        self._running: dict[str, RunningTrial] = {}
        self._again: deque[Suggestion] = deque()
        self._attempts = Attempts()
        self._streak = FailureStreak(run.path)
        self._kept = WeightsKept(
            run, plan.experiment.final.finalists, Ranking(self._aim.objectives)
        )
        self._states = StatesKept(run, facts)
        self._first_epochs: deque[float] = deque(maxlen=_RECENT)
        self._countdown: Countdown | None = None

    def resume(self, records: list[TrialRecord]) -> None:
        """Takes over what an earlier driver recorded, and the trials it left running."""
        self.records = [record for record in records if record.stage == Stage.SEARCH]
        self._kept.resume(self.records)
        self._display.resumed(self.records)
        self._states.drop_of(record.trial_id for record in self.records)
        self._study.restore(recorded_trial(self._run, r, self._aim) for r in self.records)
        self._study.close_recorded(
            {number_of(r.trial_id): self._teacher.ending_of(r) for r in self.records}
        )
        self._again.extend(self._study.interrupted())
        self._streak.resume(self.records)
        for record in self.records:
            self._teacher.ask_for_repeats(record)

    def _left_running(self, suggestion: Suggestion) -> RunningTrial:
        """A trial that is to start again, with the epochs it had."""
        recipe = self._plan.recipe(suggestion)
        running = RunningTrial(Assignment(suggestion=suggestion, recipe=recipe))
        path = self._run.path / "trials" / running.trial_id / "epochs.jsonl"
        epochs = read_epochs(path) if path.exists() else ()
        running.epochs += [cast("EpochRecord", asdict(epoch)) for epoch in epochs]
        return running

    def close_waiting(self) -> None:
        """Records the trials that were to start again and for which no budget is left."""
        while self._again:
            running = self._left_running(self._again.popleft())
            record = self._maker.broken_off(running, _NO_MORE_BUDGET)
            self._close(self._attempts.add_to(record), running)

    def follow(self, countdown: Countdown | None) -> None:
        """Keeps a countdown up to date with the budget from now on; None lets go of it."""
        self._countdown = countdown
        self._tell_time()

    def stop(self, who: str) -> None:
        """Ends the search as at the end of its budget: running trials keep their results."""
        self._display.note(f"asked to stop by {who}; trials that run end at their next epoch")
        self._budget.stop()
        self._tell_time()

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
        """The names of the running trials, in the order in which they were handed out."""
        return list(self._running)

    @property
    def only_waits(self) -> bool:
        """Whether the search is over and all its trials still wait for a worker."""
        # Tune asks at every step, and counting the time is what costs.
        waits = bool(self._running) and self._budget.held.holders == 0
        return waits and self._budget.search_seconds_left() == 0

    def take_back(self) -> None:
        """Takes back the trials that wait for a worker; `close_waiting` records them."""
        for running in self._running.values():
            self._again.append(running.assignment.suggestion)
        self._running.clear()

    @property
    def exhausted(self) -> bool:
        """Whether no further trial may start."""
        return not self._allows_another(len(self.records) + self.running)

    def _allows_another(self, started: int) -> bool:
        """Whether the budget has enough for one more trial: at least for its first epoch."""
        needs = median(self._first_epochs) if self._first_epochs else 0.0
        return self._budget.allows_another_trial(started, needs=needs)

    def next_assignment(self) -> Assignment | None:
        """Hands out the next trial; an interrupted one first, under its own number.

        One whose state was kept goes on from it, whoever trained it before. None if every
        configuration of a finite space has been handed out.
        """
        suggestion = self._again.popleft() if self._again else self._study.ask()
        if suggestion is None:
            return None
        recipe = self._plan.recipe(suggestion)
        found = self._states.find(suggestion.trial_id, recipe)
        assignment = Assignment(
            suggestion=suggestion,
            recipe=recipe,
            state=found.content,
        )
        trial_id = assignment.trial_id
        self._running[trial_id] = RunningTrial(assignment)
        self._run.trial(trial_id)
        self._display.started(trial_id, suggestion.configuration, suggestion.note)
        self._kept.forget(trial_id)
        self._begin_after(trial_id, found.epochs)
        if found.damage is not None:
            self._display.note(f"{trial_id} starts anew: {found.damage}")
        return assignment

    def began(self, trial_id: str, find: Callable[[], PricedNode | None] = lambda: None) -> None:
        """Notes that a worker is held for a trial from now on; `find` says on which node it is."""
        self._budget.held.hold(trial_id)
        if (told := self._budget.place(trial_id, find)) is not None:
            self._display.note(told)
        self._tell_time()

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

    def start_anew(self, trial_id: str, reason: str, *, parts: int | None = None) -> None:
        """Takes back a running trial's epochs: its worker began it again.

        Args:
            trial_id: The trial.
            reason: Why, its first line counts: the kept state was of no use, or memory ran out.
            parts: In which it goes through each batch from now on; None for as before.
        """
        why = first_line(reason)
        if parts is not None:
            self._running[trial_id].split_batches(parts, why)
        self._states.drop(trial_id)
        self._begin_after(trial_id, [])
        self._display.note(f"{trial_id} starts anew: {why}")

    def note_epoch(self, trial_id: str, epoch: EpochRecord, where: str | None = None) -> None:
        """Notes one epoch of a running trial; `where` names the node and process it ran on.

        Its line is not synced before the trial ends: a power cut may cost a running trial its last
        epochs, which it trains again; a kill costs nothing.
        """
        self._run.append(f"trials/{trial_id}/epochs.jsonl", json.dumps(epoch), sync=False)
        running = self._running[trial_id]
        running.worker = where or running.worker
        self._know(running, epoch, where)

    def score(self, epoch: EpochRecord) -> float:
        """The score of an epoch, by which trials are compared: higher is better."""
        return self._aim.epoch_score(epoch["val_accuracy"], epoch["val_loss"])

    def _know(self, running: RunningTrial, epoch: EpochRecord, where: str | None = None) -> None:
        """Adds an epoch whose line is written; the study leaves out those it has been told of."""
        if not running.epochs:
            self._first_epochs.append(epoch["seconds"])
        running.epochs.append(epoch)
        running.best = max(running.best, self.score(epoch))
        if self._aim.is_known_per_epoch:
            figure = self._aim.figure_of_score(running.best)
            self._study.report(running.number, epoch["epoch"], figure)
        self._display.epoch(running.trial_id, epoch, self._plan.experiment.epochs, where)

    def may_be_stopped(self, trial_id: str) -> bool:
        """Whether the scheduler may stop a trial: a repeat counts for its mean, however it does."""
        return self._running[trial_id].assignment.suggestion.origin != Origin.REPEAT

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
        self._attempts.end(trial_id, self._budget.held.release(trial_id))
        try:
            record = self._how_it_ended(running, outcome)
        except WorkerLostError as error:
            times = self._attempts.lose(trial_id)
            if self._hand_out_again(running, str(error), times):
                return None
            record = self._lost_for_good(running, str(error), times)
        del self._running[trial_id]
        record = self._attempts.add_to(record)
        self._close(record, running)
        self._tell_time()
        self._streak.note(record)
        return record

    def _close(self, record: TrialRecord, running: RunningTrial) -> None:
        """Makes a record count, and tells of it."""
        self._write(record, running)
        self._kept.tidy(record)
        self._states.drop(record.trial_id)
        self._teacher.tell(record)
        self._display.ended(record)

    def _how_it_ended(self, running: RunningTrial, outcome: Outcome | None) -> TrialRecord:
        """The record of an end; raises WorkerLostError where it was none of the trial's own."""
        if outcome is None:
            if running.epochs:
                return self._maker.pruned(running)
            raise WorkerLostError("the worker was lost before the trial's first epoch")
        if outcome.result is not None:
            return self._keep_model(running, outcome, outcome.result)
        failure = outcome.failure or {}
        kind, message = failure.get("kind"), failure.get("message", "")
        if kind == WorkerLostError.__name__:
            raise WorkerLostError(message)
        if kind == InfeasibleError.__name__:
            return self._maker.infeasible(running, int(failure["parameters"]))
        if kind == OutOfTimeError.__name__:
            return self._maker.broken_off(running, message)
        log = failure.get("traceback", message)
        self._run.write(f"trials/{running.trial_id}/log.txt", (log.rstrip() + "\n").encode())
        return self._maker.failed(running, failure)

    def _hand_out_again(self, running: RunningTrial, reason: str, times: int) -> bool:
        """Puts a trial that lost its worker before all others, if it may have another attempt."""
        trial_id = running.trial_id
        if times >= ATTEMPTS or not self._allows_another(0):
            return False
        del self._running[trial_id]
        self._again.append(running.assignment.suggestion)
        self._display.note(
            f"{trial_id} lost its worker and starts again (attempt {times + 1} of {ATTEMPTS}): "
            f"{first_line(reason)}"
        )
        return True

    def _lost_for_good(self, running: RunningTrial, reason: str, times: int) -> TrialRecord:
        """A failure after the last attempt; before it the budget is over: no fault of the trial."""
        lost = f"the trial lost its worker in {times} of {ATTEMPTS} attempts"
        message = f"{lost}, the last time: {reason}"
        self._run.write(f"trials/{running.trial_id}/log.txt", (message.rstrip() + "\n").encode())
        if times < ATTEMPTS:
            return self._maker.broken_off(running, f"{_NO_MORE_BUDGET}: {first_line(message)}")
        failure = {"kind": WorkerLostError.__name__, "message": message}
        return self._maker.failed(running, failure)

    def _keep_model(
        self, running: RunningTrial, outcome: Outcome, result: Mapping[str, Any]
    ) -> TrialRecord:
        """Saves predictions and, for a finalist, weights; a completed trial's record."""
        record = self._maker.completed(running, result)
        if outcome.fetch_weights is not None:
            self._kept.consider(record, outcome.fetch_weights)
        predictions = np.asarray(result["validation_probabilities"], np.float32)
        self._kept.save_predictions(record.trial_id, predictions)
        return record

    def _write(self, record: TrialRecord, running: RunningTrial) -> None:
        recipe = running.assignment.recipe
        if record.stop_reason in ("budget", "scheduler") and record.epochs:
            # Its schedule was made for more epochs than it got: a replay stops where it did.
            recipe = replace(recipe, stop_epoch=record.epochs)
        self._run.count(record, recipe=recipe.to_dict())
        self.records.append(record)

    def _tell_time(self) -> None:
        if self._countdown is not None:
            budget = self._budget
            self._countdown.tell(budget.search_seconds_left(), budget.search_seconds_to_last())
