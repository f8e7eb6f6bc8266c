"""Ray Tune as the one who places trials on workers: our books behind its searcher and callbacks.

Tune's own OptunaSearch is not used: it tells trials that ASHA stopped as complete, leaves those
with a NaN score running, and cannot be resumed. Here Tune asks `BookSearcher` for assignments and
tells `BookCallback` what workers report; both only pass on to the `TrialBook`.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from neurosweep.errors import WorkerLostError
from search.rung_scheduler import RungScheduler
from search.schedule import Rungs
from search.trial_book import Outcome, TrialBook
from search.worker import FINAL, SCORE, TrialWorker, WorkerSettings

__all__ = ["run_trials"]

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our books replace Tune's CSV, JSON, TensorBoard
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C must reach us: partial leaderboard, exit 130
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial's last word has no score
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's snapshots stall with many trials; unused
    "RAY_AIR_NEW_OUTPUT": "0",
}


def run_trials(
    book: TrialBook,
    settings: WorkerSettings,
    *,
    workers: int,
    resources: dict[str, float],
    rungs: Rungs | None,
) -> None:
    """Runs trials on workers until the books are exhausted.

    Args:
        book: Hands out trials and records how they end.
        settings: What all workers are made with.
        workers: Trials at once.
        resources: What one trial gets, as Ray names it: CPU and GPU.
        rungs: Stops trials early; None lets each train to its end.
    """
    os.environ.update(_TUNE_ENVIRONMENT, TUNE_MAX_PENDING_TRIALS_PG=str(workers))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # our books tell what failed
    scratch = Path(tempfile.mkdtemp(prefix="neurosweep-tune-"))
    try:
        worker = tune.with_parameters(TrialWorker, settings=settings)
        callback = BookCallback(book)
        _fit(
            callback,
            tune.with_resources(worker, resources),
            tune_config=tune.TuneConfig(
                search_alg=BookSearcher(book, workers, callback),
                scheduler=FIFOScheduler() if rungs is None else RungScheduler(rungs, book),
                num_samples=-1,  # the searcher says when it is over
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(scratch),
                callbacks=[callback],
                stop=_StopWhenBroken(callback),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0, fail_fast=False),
                verbose=0,
            ),
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fit(callback: BookCallback, worker: Any, **configuration: Any) -> None:
    """Runs Tune; what our books raised inside a callback of it is raised here, as it was."""
    try:
        tune.Tuner(worker, **configuration).fit()
    except Exception:
        if callback.broken is None:
            raise
    if callback.broken is not None:
        raise callback.broken


class _NotRestored:
    """Tune pickles what it was given, to restore it one day; we resume from the run directory."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class BookSearcher(_NotRestored, Searcher):  # type: ignore[misc]  # Ray ships no types
    """Hands the book's assignments to Tune, at most `workers` at once."""

    def __init__(self, book: TrialBook, workers: int, callback: BookCallback) -> None:
        super().__init__(metric=SCORE, mode="max")
        self._book = book
        self._workers = workers
        self._callback = callback

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Returns the next trial's configuration, None to wait, or FINISHED."""
        del trial_id
        if self._callback.broken is not None or self._book.exhausted:
            return str(Searcher.FINISHED)
        if self._book.running >= self._workers:
            return None
        try:
            assignment = self._book.next_assignment()
        except Exception as error:  # noqa: BLE001 - raised again after Tune has wound down
            self._callback.broken = error
            return str(Searcher.FINISHED)
        return (
            str(Searcher.FINISHED) if assignment is None else {"assignment": assignment.to_dict()}
        )

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback has the whole result, this has it flattened."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is the state, and it is on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search is resumed from its run directory, not from Tune's."""


class BookCallback(_NotRestored, tune.Callback):  # type: ignore[misc]  # Ray ships no types
    """Tells the book what happens to trials.

    Tune takes an exception from a callback for the trial's own and goes on. Ours means that the
    books cannot be kept, on a full disk say: it is remembered, nothing more is recorded, and the
    search ends.
    """

    def __init__(self, book: TrialBook) -> None:
        self._book = book
        self._outcomes: dict[str, Outcome] = {}
        self.broken: Exception | None = None

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Notes an epoch, or keeps the outcome for the end."""
        name = _name(trial)
        epoch = result.pop("epoch", None)
        if epoch is not None:
            self._keep(lambda: self._book.note_epoch(name, epoch))
        final = result.pop(FINAL, None)  # kept out of what Tune stores with the trial
        if final is not None:
            self._outcomes[name] = _outcome(final)

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
        """Records a trial that ended by itself or was stopped by the scheduler."""
        name = _name(trial)
        self._keep(lambda: self._book.end(name, self._outcomes.pop(name, None)))

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:
        """Records a trial whose worker was lost."""
        failure = {"kind": "WorkerLostError", "message": "the worker's node or process was lost"}
        if trial.error_file and Path(trial.error_file).exists():
            failure["traceback"] = Path(trial.error_file).read_text(errors="replace")
        self._keep(lambda: self._book.end(_name(trial), Outcome(failure=failure)))

    def _keep(self, entry: Callable[[], object]) -> None:
        if self.broken is None:
            try:
                entry()
            except Exception as error:  # noqa: BLE001 - raised again after Tune has wound down
                self.broken = error


class _StopWhenBroken(_NotRestored, tune.Stopper):  # type: ignore[misc]  # Ray ships no types
    """Ends all trials once the books cannot be kept."""

    def __init__(self, callback: BookCallback) -> None:
        self._callback = callback

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this trial ends."""
        del trial_id, result
        return self.stop_all()

    def stop_all(self) -> bool:
        """Whether the search ends."""
        return self._callback.broken is not None


def _name(trial: Any) -> str:
    return str(trial.config["assignment"]["trial_id"])


def _outcome(final: dict[str, Any]) -> Outcome:
    if "failure" in final:
        return Outcome(failure=final["failure"])
    return Outcome(result=final["result"], fetch_weights=lambda: _fetch(final["weights"][0]))


def _fetch(weights: Any) -> Any:
    try:
        return ray.get(weights)
    except ray.exceptions.RayError as error:
        raise WorkerLostError(f"the worker was lost before its weights came: {error}") from error
