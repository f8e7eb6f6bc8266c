"""Simulated workers: a queue of events in simulated time, in place of Ray and training."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import count

import numpy as np

from search.books.assignment import Assignment
from search.books.rungs import Rungs
from search.books.trial_book import Outcome, TrialBook, Weights
from search.books.trial_records import best_epoch
from search.objective import Aim
from search.simulation.curves import Curves, MadeCurve

__all__ = ["SimulatedClock", "SimulatedWorkers"]


class SimulatedClock:
    """Seconds that pass when the simulation says so."""

    def __init__(self) -> None:
        """Begins at 0."""
        self.now = 0.0

    def __call__(self) -> float:
        """The seconds that have passed."""
        return self.now


@dataclass
class _Trial:
    assignment: Assignment
    curve: MadeCurve
    epochs: int = 0

    @property
    def trial_id(self) -> str:
        return self.assignment.trial_id

    @property
    def allowed(self) -> int:
        return self.assignment.recipe.epochs

    @property
    def seconds(self) -> float:
        return self.curve.epochs[0]["seconds"]


class SimulatedWorkers:
    """Runs a book's trials on workers that report made curves, in the order Tune's adapter would.

    Equal books, curves and numbers of workers give the same events in the same order.
    """

    def __init__(
        self,
        book: TrialBook,
        rungs: Rungs,
        *,
        curves: Curves,
        workers: int,
        clock: SimulatedClock,
        images: int = 8,
        weights: int = 8,
    ) -> None:
        """Gathers what a simulation needs.

        Args:
            book: Hands out trials and records them; its budget reads `clock`.
            rungs: Stop trials early.
            curves: What training shows.
            workers: Trials at once, at least 1.
            clock: Moved from event to event.
            images: Validation images whose predictions a completed trial hands over.
            weights: Numbers among the weights that a finalist hands over.
        """
        self._book = book
        self._rungs = rungs
        self._curves = curves
        self._workers = workers
        self._clock = clock
        self._probabilities = np.full((images, curves.classes), 1 / curves.classes, np.float32)
        self._weights: Weights = [np.zeros(weights, np.float32)]
        self._events: list[tuple[float, int, _Trial]] = []
        self._end_of_search = math.inf
        self._untried = True  # until the study has no configuration left
        self._lost: set[str] = set()  # a trial loses its worker once, however often it is begun
        self._order = count()  # settles what happens first of two events at the same time

    def tell(self, seconds: float | None, last: float | None) -> None:
        """Hears from the book how long the search still goes on; simulated epochs are whole."""
        del last
        self._end_of_search = math.inf if seconds is None else self._clock.now + seconds

    @property
    def _left(self) -> float:
        return self._end_of_search - self._clock.now

    def run(self) -> None:
        """Runs until the book is exhausted and its last trial has ended."""
        self._book.follow(self)
        self._fill()
        while self._events:
            self._clock.now, _, trial = heapq.heappop(self._events)
            self._train(trial)
            self._fill()

    def _fill(self) -> None:
        """Gives every free worker a trial."""
        while len(self._events) < self._workers and not self._over:
            assignment = self._book.next_assignment()
            if assignment is None:
                self._untried = False
                return
            self._book.began(assignment.trial_id)
            self._after(_Trial(assignment, self._curves.of(assignment.recipe)))

    @property
    def _over(self) -> bool:
        """Whether no further trial may start."""
        return self._book.exhausted or not self._untried

    def _after(self, trial: _Trial) -> None:
        """Puts the end of the trial's next epoch into the queue."""
        heapq.heappush(self._events, (self._clock.now + trial.seconds, next(self._order), trial))

    def _train(self, trial: _Trial) -> None:
        """Ends one epoch of a trial."""
        if trial.epochs == trial.curve.lost_after and trial.trial_id not in self._lost:
            self._lost.add(trial.trial_id)
            self._end(trial, Outcome(failure={"kind": "WorkerLostError", "message": "simulated"}))
            return
        if trial.epochs == trial.curve.fails_after:
            self._end(trial, Outcome(failure={"kind": "SimulatedError", "message": "simulated"}))
            return
        epoch = trial.curve.epochs[trial.epochs]
        trial.epochs += 1
        score, number = self._book.score(epoch), trial.epochs
        decision = self._rungs.decide(trial.trial_id, number, trial.allowed, score)
        self._book.note_epoch(trial.trial_id, epoch)
        if not decision.goes_on and self._book.may_be_stopped(trial.trial_id):
            self._book.note_stop(trial.trial_id, decision.reason)
            self._end(trial, None)
        elif trial.epochs == trial.allowed:
            self._end(trial, self._result(trial, "finished"))
        elif self._left <= trial.seconds / 2:
            self._end(trial, self._result(trial, "stopped"))
        else:
            self._after(trial)

    def _end(self, trial: _Trial, outcome: Outcome | None) -> None:
        if outcome is None or outcome.failure is None:  # as RungScheduler does it
            self._rungs.ended(trial.trial_id)
        self._book.end(trial.trial_id, outcome)

    def _result(self, trial: _Trial, reason: str) -> Outcome:
        """What a worker would hand over at the end of a fit."""
        history = list(trial.curve.epochs[: trial.epochs])
        kept = best_epoch(history, Aim())
        result = {
            "epochs": trial.epochs,
            "kept_epoch": kept["epoch"],
            "val_accuracy": kept["val_accuracy"],
            "val_loss": kept["val_loss"],
            "stop_reason": reason,
            "seconds": trial.seconds * trial.epochs,
            "validation_probabilities": self._probabilities,
            "parameters": sum(array.size for array in self._weights),
        }
        return Outcome(result=result, fetch_weights=lambda: self._weights)
