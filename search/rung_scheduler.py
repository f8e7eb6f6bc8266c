"""Tune's scheduler with our stopping rule behind it; it places trials as Tune's FIFO does."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.schedule import Rungs
from search.trial_book import TrialBook
from search.worker import PROGRESS

__all__ = ["RungScheduler"]


class RungScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray ships no types
    """Asks the rungs after each epoch, and tells the book why a trial is stopped."""

    def __init__(self, rungs: Rungs, book: TrialBook) -> None:
        super().__init__()
        self._rungs = rungs
        self._book = book

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles what it was given, to restore it one day; we resume from the run directory.
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial trains another epoch; a result without one is its outcome."""
        del tune_controller
        if PROGRESS not in result:
            return str(TrialScheduler.CONTINUE)
        trial_id, allowed = _trial(trial)
        score = self._book.score(result["epoch"])
        decision = self._rungs.decide(trial_id, result[PROGRESS], allowed, score)
        if decision.goes_on:
            return str(TrialScheduler.CONTINUE)
        self._rungs.ended(trial_id)
        self._book.note_stop(trial_id, decision.reason)
        return str(TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Lets go of a trial that ended by itself."""
        del tune_controller, result
        self._rungs.ended(_trial(trial)[0])


def _trial(trial: Any) -> tuple[str, int]:
    """A trial's name and the epochs it is allowed."""
    assignment = trial.config["assignment"]
    return str(assignment["trial_id"]), int(assignment["recipe"]["epochs"])
