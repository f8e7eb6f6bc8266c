"""Stage 6: each finalist trained anew without each fold: how much of its score was luck.

It stands before the test set is opened, looks at no test image, and chooses nothing: the search's
validation part has chosen already. A round keeps its best epoch by the fold that it is measured on,
as a trial of the search does, so its figures are slightly optimistic.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ray.exceptions import RayError

from neurosweep.errors import TrialError, WorkerLostError
from reports import Stage, TrialRecord
from search.stages.context import Run
from search.stages.evaluate import finalists
from search.stages.fine_tune import read_recipe
from search.stages.fold_scores import FoldScores
from search.stages.pool import Worker
from trainables import Recipe

__all__ = ["cross_validate"]


Hire = Callable[[Run], AbstractContextManager[Worker]]


@dataclass(frozen=True, kw_only=True)
class _Round:
    """One training: a finalist without one fold.

    Attributes:
        trial_id: Of the finalist.
        recipe: What is trained.
        fold: The fold that is left out and measured.
        expected: Seconds that it will take, by what the finalist took in the search.
    """

    trial_id: str
    recipe: Recipe
    fold: int
    expected: float

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.trial_id} without fold {self.fold}"


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What became of a round: a score, a failure, or neither where the time was over."""

    round: _Round
    score: dict[str, float] | None = None
    failure: str | None = None

    @property
    def is_late(self) -> bool:
        """Whether the time was over before its end, or before it could begin."""
        return self.score is None and self.failure is None


def cross_validate(run: Run, worker: Worker, *, hire: Hire | None = None) -> None:
    """Trains what is not trained yet, and writes cross_validation.json after each round.

    As many rounds run at once as trials did. Under a time budget a round that does not fit any
    more is not begun, and one that is under way at the end is dropped. A round that fails is noted
    and leaves its place out.

    Args:
        run: The run under way; its experiment asks for folds.
        worker: One that is there already.
        hire: Makes each further worker; None asks Ray.

    Raises:
        RunDirectoryError: if an earlier sitting's cross_validation.json cannot be read.
    """
    folds = run.plan.experiment.data.folds
    if folds is None:
        return
    chosen = finalists(run)
    scores = FoldScores(run.directory, run.source.split, folds, [r.trial_id for r in chosen])
    rounds = _rounds(run, chosen, scores)
    late = 0
    if rounds:
        scores.write()
        for ended in _Crew(run, rounds, worker, hire or _hire).work():
            _take(run, scores, ended)
            late += ended.is_late
    measured = f"{scores.count} of {folds * len(chosen)} rounds measured"
    run.display.note(measured + (f"; {late} did not fit the time budget" if late else ""))


def _hire(run: Run) -> AbstractContextManager[Worker]:
    return run.hired(f"cross-validation {threading.get_ident()}", "final")


def _rounds(run: Run, chosen: Sequence[TrialRecord], scores: FoldScores) -> list[_Round]:
    """What is still to train, finalist by finalist: a few whole rows say more than many halves."""
    took = {record.trial_id: record.seconds for record in run.records}
    return [
        _Round(
            trial_id=record.trial_id,
            recipe=read_recipe(run.directory, record.trial_id),
            fold=fold,
            expected=scores.growth * (record.seconds + _before(record, took)),
        )
        for record in chosen
        for fold in scores.missing(record.trial_id)
    ]


def _before(record: TrialRecord, took: Mapping[str, float]) -> float:
    """The seconds of what a fine-tuned model was before."""
    return took.get(record.parent_id or "", 0.0) if record.stage == Stage.FINE_TUNE else 0.0


def _take(run: Run, scores: FoldScores, ended: _Ended) -> None:
    """Keeps a round's score, or says why there is none."""
    one = ended.round
    if ended.score is not None:
        scores.add(one.trial_id, one.fold, ended.score)
    elif ended.failure is not None:
        log = f"trials/{one.trial_id}/fold-{one.fold}.log"
        run.directory.write(log, (ended.failure.rstrip() + "\n").encode())
        run.display.note(f"{one.name} failed: {ended.failure.splitlines()[0]} ({log})")


class _Crew:
    """Workers that take rounds until there are none; each is driven by a thread of its own.

    What they say comes out of `work` in the caller's thread, which alone writes and displays.
    """

    def __init__(self, run: Run, rounds: Sequence[_Round], first: Worker, hire: Hire) -> None:
        self._run = run
        self._first = first
        self._hire = hire
        self._size = min(run.workers, len(rounds))
        self._waiting: queue.SimpleQueue[_Round] = queue.SimpleQueue()
        for one in rounds:
            self._waiting.put(one)
        self._said: queue.SimpleQueue[_Ended | BaseException | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def work(self) -> Iterator[_Ended]:
        """Yields how each round ended, in the order in which they do."""
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
                self._said.put(_Ended(round=one, failure=f"its worker was lost: {error}"))
                return

    def _train(self, worker: Worker, one: _Round) -> _Ended:
        left = self._run.budget.cross_validate_seconds_left()
        if left is not None and left < one.expected:
            return _Ended(round=one)
        payload = {"recipe": one.recipe, "source": self._run.source, "fold": one.fold}
        try:
            return _Ended(round=one, score=worker.run("cross_validate", payload, seconds=left))
        except WorkerLostError:
            raise
        except TrialError as error:
            return _Ended(round=one, failure=str(error))
