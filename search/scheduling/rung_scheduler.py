"""Tune's schedulers of a search: trials start in their order, and rungs may stop them."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.books.rungs import Rungs
from search.books.trial_book import TrialBook
from search.scheduling.tune_objects import NotRestored, name_of
from search.workers.worker import FINAL, PROGRESS, SCORE

__all__ = ["FirstCome", "RungScheduler"]


class FirstCome(FIFOScheduler):  # type: ignore[misc]  # Ray ships no types
    """Starts trials in their order and stops none.

    Tune asks after every event which trial to start. Its own FIFO then looks twice at every trial
    that ever was; this one only at those that have not ended.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The first of the trials that wait for a worker, or None."""
        live = tune_controller.get_live_trials()
        for status in (Trial.PENDING, Trial.PAUSED):
            waiting = [trial for trial in live if trial.status == status]
            if waiting:
                return min(waiting, key=name_of)
        return None


class RungScheduler(NotRestored, FirstCome):
    """Asks the rungs after each epoch, and tells the book why a trial is stopped."""

    def __init__(self, rungs: Rungs, book: TrialBook) -> None:
        super().__init__()
        self._rungs = rungs
        self._book = book

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the trial trains another epoch; a result without one is its outcome.

        One that failed is not let go of: it may have lost its worker, and pass its epochs again.
        """
        del tune_controller
        trial_id = name_of(trial)
        allowed = int(trial.config["assignment"]["recipe"]["epochs"])
        if PROGRESS not in result:
            if not any(key.startswith(f"{FINAL}/failure") for key in result):  # Tune flattens it
                self._rungs.ended(trial_id)
            return str(TrialScheduler.CONTINUE)
        decision = self._rungs.decide(trial_id, result[PROGRESS], allowed, result[SCORE])
        if decision.goes_on or not self._book.may_be_stopped(trial_id):
            return str(TrialScheduler.CONTINUE)
        self._rungs.ended(trial_id)
        self._book.note_stop(trial_id, decision.reason)
        return str(TrialScheduler.STOP)
