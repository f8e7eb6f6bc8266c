"""Finalists trained anew, from the first weights on, by all workers: what two stages share.

What is trained chooses nothing and makes no row. A training that fails or loses its worker is
noted and leaves its place out; a later sitting of the run does it again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ray.exceptions import RayError

from neurosweep.errors import TrialError, WorkerLostError
from reports import Stage, TrialRecord
from search.stages.context import Run
from search.stages.pool import Worker
from trainables import Recipe

__all__ = ["Hire", "Retraining", "Score", "retrain_all", "seconds_of_recipe"]

Hire = Callable[[Run], AbstractContextManager[Worker]]

Score = dict[str, float]
"""What a training came to: `accuracy`, `loss`, and the `seconds` it took."""


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """One training of a finalist.

    Attributes:
        trial_id: Of the finalist.
        name: How messages call it.
        recipe: What is trained.
        fold: The fold that is left out and measured; None for the run's own parts.
        expected: Seconds that it will take, by what the finalist took in the search.
        log: Where its traceback goes should it fail, as a path in the run directory.
    """

    trial_id: str
    name: str
    recipe: Recipe
    fold: int | None = None
    expected: float
    log: str


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What became of a training: a score, a failure, or neither where the time was over."""

    training: Retraining
    score: Score | None = None
    failure: str | None = None


def retrain_all(
    run: Run,
    trainings: Sequence[Retraining],
    worker: Worker,
    *,
    stage: str,
    hire: Hire | None,
    seconds_left: Callable[[], float | None],
    keep: Callable[[Retraining, Score], None],
) -> int:
    """Trains as many at once as the search had trials; keeps each score as soon as there is one.

    Under a time budget a training that does not fit any more is not begun, and one that is under
    way at the end is dropped.

    Args:
        run: The run under way.
        trainings: In the order in which they are begun.
        worker: One that is there already.
        stage: What further workers are held for, in messages.
        hire: Makes each further worker; None asks Ray.
        seconds_left: Until the stage must end; None without such a budget.
        keep: Called in this thread with each score.

    Returns:
        How many did not fit the time.
    """
    late = 0
    for ended in _Crew(run, trainings, worker, hire or _asks_ray(stage), seconds_left).work():
        if ended.score is not None:
            keep(ended.training, ended.score)
        elif ended.failure is not None:
            _note_failure(run, ended.training, ended.failure)
        else:
            late += 1
    return late


def seconds_of_recipe(run: Run, record: TrialRecord) -> float:
    """What a finalist took to train; of a fine-tuned one with what it was before."""
    if record.stage != Stage.FINE_TUNE:
        return record.seconds
    before = (one.seconds for one in run.records if one.trial_id == record.parent_id)
    return record.seconds + next(before, 0.0)


def _asks_ray(stage: str) -> Hire:
    return lambda run: run.hired(f"{stage} {threading.get_ident()}", "final")


def _note_failure(run: Run, one: Retraining, failure: str) -> None:
    run.directory.write(one.log, (failure.rstrip() + "\n").encode())
    run.display.note(f"{one.name} failed: {failure.splitlines()[0]} ({one.log})")


class _Crew:
    """Workers that take trainings until there are none; each is driven by a thread of its own.

    What they say comes out of `work` in the caller's thread, which alone writes and displays.
    """

    def __init__(
        self,
        run: Run,
        trainings: Sequence[Retraining],
        first: Worker,
        hire: Hire,
        seconds_left: Callable[[], float | None],
    ) -> None:
        self._run = run
        self._first = first
        self._hire = hire
        self._seconds_left = seconds_left
        self._size = min(run.workers, len(trainings))
        self._waiting: queue.SimpleQueue[Retraining] = queue.SimpleQueue()
        for one in trainings:
            self._waiting.put(one)
        self._said: queue.SimpleQueue[_Ended | BaseException | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def work(self) -> Iterator[_Ended]:
        """Yields how each training ended, in the order in which they do."""
        drives = [self._drive_first, *[self._drive_another] * (self._size - 1)]
        # Daemons: a thread that hangs on a lost worker must not keep an interrupted run alive.
        threads = [threading.Thread(target=self._guard, args=(d,), daemon=True) for d in drives]
        for thread in threads:
            thread.start()
        try:
            yield from self._listen()
        finally:
            self._closed.set()

    def _listen(self) -> Iterator[_Ended]:
        driving = self._size
        while driving:
            said = self._said.get()
            if isinstance(said, BaseException):
                raise said
            if said is None:
                driving -= 1
            else:
                yield said

    def _guard(self, drive: Callable[[], None]) -> None:
        """Lets no error of a thread go unheard, and tells when the thread has ended."""
        try:
            drive()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._said.put(error)
        finally:
            self._said.put(None)

    def _drive_first(self) -> None:
        self._drive(self._first)

    def _drive_another(self) -> None:
        with self._hire(self._run) as worker:
            # A cluster that shrank since the search has no place for it, and never might.
            while not worker.ready(1.0):
                if self._closed.is_set() or self._waiting.empty():
                    return
            self._drive(worker)

    def _drive(self, worker: Worker) -> None:
        while not self._closed.is_set():
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._said.put(self._train(worker, one))
            except (RayError, WorkerLostError) as error:
                # The worker is lost, and this thread with it; the others go on.
                self._said.put(_Ended(training=one, failure=f"its worker was lost: {error}"))
                return

    def _train(self, worker: Worker, one: Retraining) -> _Ended:
        left = self._seconds_left()
        if left is not None and left < one.expected:
            return _Ended(training=one)
        payload = {"recipe": one.recipe, "source": self._run.source, "fold": one.fold}
        try:
            return _Ended(training=one, score=worker.run("retrain", payload, seconds=left))
        except WorkerLostError:
            raise
        except TrialError as error:
            return _Ended(training=one, failure=str(error))
