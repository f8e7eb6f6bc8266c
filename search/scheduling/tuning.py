"""Ray Tune as the one who places trials on workers: our books behind its searcher and callbacks.

Tune's own OptunaSearch is not used: it tells trials that ASHA stopped as complete, leaves those
with a NaN score running, and cannot be resumed. Here Tune asks `BookSearcher` for assignments and
tells `BookCallback` what workers report; both only pass on to the `TrialBook`.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune
from ray.tune.search import Searcher

from neurosweep.errors import CodeMismatchError, WorkerLostError
from search.books.rungs import Rungs
from search.books.trial_book import Outcome, TrialBook
from search.runs.stopping import StopRequest
from search.scheduling.frozen_workers import FrozenWorkers
from search.scheduling.rung_scheduler import FirstCome, RungScheduler
from search.scheduling.tune_objects import NotRestored, name_of
from search.workers.places import node_of
from search.workers.worker import ANEW, FINAL, PARTS, SCORE, STATE, TrialWorker, WorkerSettings

__all__ = ["run_trials"]

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our books replace Tune's CSV, JSON, TensorBoard
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C must reach us: partial leaderboard, exit 130
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial's last word has no score
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's snapshots stall with many trials; unused
    "RAY_AIR_NEW_OUTPUT": "0",
}

_FETCH_LIMIT = 300.0  # seconds for weights or a state to come from a worker
_LOOK_EVERY = 0.5  # seconds between two looks for a request to stop


def run_trials(
    book: TrialBook,
    settings: WorkerSettings,
    *,
    workers: int,
    resources: dict[str, float],
    rungs: Rungs | None,
    request: StopRequest,
    look: Callable[[int], None] = lambda _: None,
) -> None:
    """Runs trials on workers until the books are exhausted.

    Args:
        book: Hands out trials and records how they end.
        settings: What all workers are made with.
        workers: Trials at once.
        resources: What one trial gets, as Ray names it: CPU and GPU.
        rungs: Stops trials early; None lets each train to its end.
        request: Where somebody may ask to stop.
        look: Called between Tune's steps with the number of trials that wait for a worker.
    """
    _heed(request, book)  # asked before the first trial
    os.environ.update(_TUNE_ENVIRONMENT, TUNE_MAX_PENDING_TRIALS_PG=str(workers))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # our books tell what failed
    worker = tune.with_resources(tune.with_parameters(TrialWorker, settings=settings), resources)
    over = book.exhausted
    while not over:
        callback = BookCallback(book, _watch_over(settings))
        watch = _Watch(callback, book, request, look)
        over = _fit(book, worker, callback, workers=workers, rungs=rungs, watch=watch)


def _watch_over(settings: WorkerSettings) -> FrozenWorkers | None:
    """The watch over workers; None where they have no countdown to ask."""
    if settings.countdown is None:
        return None
    return FrozenWorkers(settings.countdown, settings.limits)


def _fit(
    book: TrialBook,
    worker: Any,
    callback: BookCallback,
    *,
    workers: int,
    rungs: Rungs | None,
    watch: _Watch,
) -> bool:
    """Runs Tune; what our books raised inside a callback of it is raised here, as it was.

    Tune itself gives up where a node is lost with a result that was on its way. What was running
    then has lost its worker, and no more: it is handed out again to another Tune.

    Returns:
        Whether the search is over.
    """
    scheduler = FirstCome() if rungs is None else RungScheduler(rungs, book)
    searcher = BookSearcher(book, workers, callback)
    try:
        _run_tune(callback, searcher, worker, scheduler, watch)
    except Exception as error:
        if callback.broken is None and not book.running:
            raise
        callback.on_tune_failure(error)
    if callback.broken is not None:
        raise callback.broken
    if book.only_waits:
        book.take_back()
    return not callback.tune_failed


def _run_tune(
    callback: BookCallback, searcher: BookSearcher, worker: Any, scheduler: Any, watch: _Watch
) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="neurosweep-tune-"))
    try:
        tune.Tuner(
            worker,
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,  # the searcher says when it is over
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(scratch),
                callbacks=callback.with_watch(),
                stop=watch,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0, fail_fast=False),
                verbose=0,
            ),
        ).fit()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class BookSearcher(NotRestored, Searcher):  # type: ignore[misc]  # Ray ships no types
    """Hands the book's assignments to Tune, at most `workers` at once."""

    def __init__(self, book: TrialBook, workers: int, callback: BookCallback) -> None:
        super().__init__(metric=SCORE, mode="max")
        self._book = book
        self._workers = workers
        self._callback = callback

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Returns the next trial's configuration, None to wait, or FINISHED."""
        del trial_id
        if self._callback.broken is not None:
            return str(Searcher.FINISHED)
        if self._book.exhausted:
            return self._nothing_left()
        if self._book.running >= self._workers:
            return None
        try:
            assignment = self._book.next_assignment()
        except Exception as error:  # noqa: BLE001 - raised again after Tune has wound down
            self._callback.broken = error
            return str(Searcher.FINISHED)
        if assignment is None:
            return self._nothing_left()
        return {"assignment": _carried(assignment.to_dict())}

    def _nothing_left(self) -> str | None:
        """FINISHED, or None where one that runs may lose its worker: Tune asks no more after it."""
        return None if self._book.running else str(Searcher.FINISHED)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback has the whole result, this has it flattened."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is the state, and it is on disk already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search is resumed from its run directory, not from Tune's."""


class BookCallback(NotRestored, tune.Callback):  # type: ignore[misc]  # Ray ships no types
    """Tells the book what happens to trials.

    Tune takes an exception from a callback for the trial's own and goes on. Ours means that the
    books cannot be kept, on a full disk say: it is remembered, nothing more is recorded, and the
    search ends.
    """

    def __init__(self, book: TrialBook, frozen: FrozenWorkers | None = None) -> None:
        self._book = book
        self._frozen = frozen
        self._outcomes: dict[str, Outcome] = {}
        self._begun: set[str] = set()
        self.broken: Exception | None = None
        self.tune_failed = False

    @property
    def waiting(self) -> int:
        """Trials that were handed out and have no worker yet."""
        return max(0, self._book.running - len(self._begun))

    def with_watch(self) -> list[tune.Callback]:
        """What Tune calls: this, then the watch over workers, which lets go of what has ended."""
        return [self] if self._frozen is None else [self, self._frozen]

    def on_trial_start(self, *, trial: Any, **_: Any) -> None:
        """Notes that a worker is held for a trial from now on."""
        actor = trial.temporary_state.ray_actor
        self._begun.add(name_of(trial))
        self._keep(lambda: self._book.began(name_of(trial), lambda: node_of(actor)))

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:
        """Notes an epoch and the state after it, or keeps the outcome for the end."""
        name = name_of(trial)
        told = (ANEW, PARTS, "epoch", STATE)
        anew, parts, epoch, state = (result.pop(key, None) for key in told)
        if anew is not None:
            self._keep(lambda: self._book.start_anew(name, anew, parts=parts))
        if epoch is not None:
            where = _where(result)
            self._keep(lambda: self._book.note_epoch(name, epoch, where))
        if state is not None:
            self._keep(lambda: self._book.keep_state(name, lambda: _fetch(state[0]).tobytes()))
        final = result.pop(FINAL, None)  # kept out of what Tune stores with the trial
        if final is not None and "mismatch" in final:
            self.broken = self.broken or CodeMismatchError(final["mismatch"])
        elif final is not None:
            self._outcomes[name] = _outcome(final)

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
        """Records a trial that ended by itself or was stopped by the scheduler."""
        name = name_of(trial)
        self._begun.discard(name)
        self._keep(lambda: self._book.end(name, self._outcomes.pop(name, None)))

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:
        """Ends a trial whose worker was lost, or failed in a way of its own."""
        name = name_of(trial)
        self._begun.discard(name)
        killed = None if self._frozen is None else self._frozen.why_killed(name)
        outcome = Outcome(failure=_failure_of(trial) if killed is None else _lost(killed))
        self._outcomes.pop(name, None)
        self._keep(lambda: self._book.end(name, outcome))

    def on_tune_failure(self, error: Exception) -> None:
        """Takes back all trials that were running when Tune itself gave up."""
        self.tune_failed = True
        failure = _lost(f"Ray Tune gave up: {error}")
        for name in self._book.running_trials:
            self._keep(partial(self._book.end, name, Outcome(failure=failure)))

    def _keep(self, entry: Callable[[], object]) -> None:
        if self.broken is None:
            try:
                entry()
            except Exception as error:  # noqa: BLE001 - raised again after Tune has wound down
                self.broken = error


class _Watch(NotRestored, tune.Stopper):  # type: ignore[misc]  # Ray ships no types
    """Looks up between Tune's steps.

    It ends all trials once the books cannot be kept, tells the book who asked to stop, does not
    wait for places once the search is over, and tells who looks on how many trials wait.
    """

    def __init__(
        self,
        callback: BookCallback,
        book: TrialBook,
        request: StopRequest,
        look: Callable[[int], None],
    ) -> None:
        self._callback = callback
        self._book = book
        self._request = request
        self._look = look
        self._looked = -math.inf
        self._asked = False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this trial ends."""
        del trial_id, result
        return self.stop_all()

    def stop_all(self) -> bool:
        """Whether the search ends."""
        if time.monotonic() > self._looked + _LOOK_EVERY:
            self._looked = time.monotonic()
            self._asked = self._asked or _heed(self._request, self._book)
            self._look(self._callback.waiting)
        return self._callback.broken is not None or self._book.only_waits


def _heed(request: StopRequest, book: TrialBook) -> bool:
    """Whether somebody asked to stop; the book is told who."""
    if (who := request.take()) is None:
        return False
    book.stop(who)
    return True


def _lost(message: str) -> dict[str, str]:
    return {"kind": WorkerLostError.__name__, "message": message}


def _failure_of(trial: Any) -> dict[str, str]:
    """Why Tune gave a trial up: its worker's process or node is gone, or the worker raised."""
    text = Path(trial.error_file).read_text(errors="replace") if trial.error_file else ""
    error = None
    if trial.pickled_error_file:
        # Written by this very process a moment ago, into a folder of its own.
        error = ray.cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    if isinstance(error, ray.exceptions.RayActorError):
        return _lost(f"its worker's process or node is gone: {error}")
    cause = getattr(error, "cause", None)
    if isinstance(cause, ray.exceptions.RayError):
        # What it was to fetch or hand over was lost on the way: no fault of the trial.
        return _lost(f"Ray failed its worker: {cause}")
    kind = "TuneError" if cause is None else type(cause).__name__
    # Both Ray and Tune put what was raised into the last line, after the remote traceback.
    message = text.strip().rpartition("\n")[2].removeprefix(f"{kind}: ")
    return {"kind": kind, "message": message, "traceback": text}


def _where(result: dict[str, Any]) -> str | None:
    """The node and process of the worker, as Tune adds them to each result."""
    node, process = result.get("hostname"), result.get("pid")
    return None if node is None else f"{node}/{process}"


def _outcome(final: dict[str, Any]) -> Outcome:
    if "failure" in final:
        return Outcome(failure=final["failure"])
    return Outcome(result=final["result"], fetch_weights=lambda: _fetch(final["weights"][0]))


def _fetch(weights: Any) -> Any:
    try:
        return ray.get(weights, timeout=_FETCH_LIMIT)
    except ray.exceptions.RayError as error:
        raise WorkerLostError(f"the worker was lost before its weights came: {error}") from error


def _carried(assignment: dict[str, Any]) -> dict[str, Any]:
    """An assignment whose state, where it has one, goes by reference: Tune writes down the rest."""
    state = assignment.pop("state", None)
    if state is None:
        return assignment
    return {**assignment, "state": [ray.put(np.frombuffer(state, np.uint8))]}
