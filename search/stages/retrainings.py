"""Finalists trained anew, from the first weights on, by all workers: what two stages share.

What is trained chooses nothing and makes no row. A training that fails or loses its worker is
noted and leaves its place out, and so are those that no worker is left for; a later sitting of the
run does them again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ray.exceptions import RayError

from neurosweep.errors import TrialError, WorkerLostError
from reports import Stage, TrialRecord
from search.stages.context import PLACE_LIMIT, Run
from search.stages.drivers import LOOK_EVERY, Drivers
from search.stages.pool import Worker
from search.workers.patience import Patience
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
    way at the end is dropped. Once no worker has a place, others wait `PLACE_LIMIT` seconds for
    one; what is left then is not begun, and that is noted.

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
    crew = _Crew(run, trainings, worker, hire or _asks_ray(stage), seconds_left)
    late = 0
    for ended in crew.work():
        if ended.score is not None:
            keep(ended.training, ended.score)
        elif ended.failure is not None:
            _note_failure(run, ended.training, ended.failure)
        else:
            late += 1
    if crew.left:
        were = f"{crew.left} training{'s were' if crew.left > 1 else ' was'}"
        run.display.note(f"{were} not begun: no worker is left; --resume tries again")
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
    """Workers that take trainings until there are none; each is driven by a thread of its own."""

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
        self._patience = Patience(run.display.note)
        # Threads, by their number: a set takes and gives one at a time.
        self._placeless: set[int] = set()
        self._working: set[int] = set()
        self._waiting: queue.SimpleQueue[Retraining] = queue.SimpleQueue()
        for one in trainings:
            self._waiting.put(one)
        self._drivers = Drivers[_Ended](self._tell_patience)
        self.left = 0
        """Trainings that there was time but no worker for; known after `work`."""

    def work(self) -> Iterator[_Ended]:
        """Yields how each training ended, in the order in which they do."""
        drives = [self._drive_first, *[self._drive_another] * (self._size - 1)]
        yield from self._drivers.run(drives)
        yield from self._leave()

    def _tell_patience(self) -> None:
        self._patience.look(len(self._placeless))

    def _leave(self) -> Iterator[_Ended]:
        """Yields what nobody began and does not fit the time, and counts the others."""
        while not self._waiting.empty():
            one = self._waiting.get()
            if self._fits(one, self._seconds_left()):
                self.left += 1
            else:
                yield _Ended(training=one)

    def _drive_first(self) -> None:
        self._drive(self._first)

    def _drive_another(self) -> None:
        with self._hire(self._run) as worker:
            if self._has_place(worker):
                self._drive(worker)

    def _has_place(self, worker: Worker) -> bool:
        """Waits for a place while there is work, and for a while only once nobody does it."""
        me, alone_since = threading.get_ident(), time.monotonic()
        self._placeless.add(me)
        try:
            # A cluster that shrank since the search has no place for it, and never might.
            while not worker.ready(LOOK_EVERY):
                now = time.monotonic()
                if self._working:
                    alone_since = now
                if self._is_over() or now - alone_since >= PLACE_LIMIT:
                    return False
            return True
        finally:
            self._placeless.discard(me)

    def _is_over(self) -> bool:
        """Whether a worker that comes now would have nothing to do."""
        return self._drivers.are_closed or self._waiting.empty() or self._seconds_left() == 0

    def _drive(self, worker: Worker) -> None:
        self._working.add(threading.get_ident())
        try:
            self._train_all(worker)
        finally:
            self._working.discard(threading.get_ident())

    def _train_all(self, worker: Worker) -> None:
        while not self._drivers.are_closed:
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._drivers.say(self._train(worker, one))
            except (RayError, WorkerLostError) as error:
                # The worker is lost, and this thread with it; the others go on.
                self._drivers.say(_Ended(training=one, failure=f"its worker was lost: {error}"))
                return

    def _train(self, worker: Worker, one: Retraining) -> _Ended:
        left = self._seconds_left()
        if not self._fits(one, left):
            return _Ended(training=one)
        payload = {"recipe": one.recipe, "source": self._run.source, "fold": one.fold}
        try:
            return _Ended(training=one, score=worker.run("retrain", payload, seconds=left))
        except WorkerLostError:
            raise
        except TrialError as error:
            return _Ended(training=one, failure=str(error))

    @staticmethod
    def _fits(one: Retraining, seconds_left: float | None) -> bool:
        return seconds_left is None or seconds_left >= one.expected
