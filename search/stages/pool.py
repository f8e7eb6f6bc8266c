"""Workers that take jobs until there are none; each is driven by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from ray.exceptions import RayError, RayTaskError

from neurosweep.errors import WorkerLostError
from search.stages.drivers import LOOK_EVERY, Drivers
from search.workers.patience import Patience

__all__ = ["Worker", "WorkerPool"]

Job = TypeVar("Job")
Said = TypeVar("Said")


class Worker(Protocol):
    """What a job is done on; `StageWorkers` is one."""

    def ready(self, seconds: float) -> bool:
        """Waits for a place."""

    def run(self, task: str, payload: dict[str, Any], *, seconds: float | None = None) -> Any:
        """Runs a task of `search.workers.tasks`."""


class WorkerPool(AbstractContextManager["WorkerPool"]):
    """Workers that are hired once and do one list of jobs after the other."""

    def __init__(
        self,
        hire: Callable[[], AbstractContextManager[Worker]],
        size: int,
        *,
        patience: Patience | None = None,
    ) -> None:
        """Hires nobody before the block begins.

        Args:
            hire: Makes one worker.
            size: How many, at least 1.
            patience: Is told how many of them wait for a place; None tells nobody.
        """
        self._hire = hire
        self._size = size
        self._patience = patience
        self._open = ExitStack()
        self._workers: list[Worker] = []

    def __enter__(self) -> WorkerPool:
        with ExitStack() as hired:  # lets all go should one not come
            self._workers = [hired.enter_context(self._hire()) for _ in range(self._size)]
            self._open = hired.pop_all()
        return self

    def __exit__(self, *about: object) -> None:
        self._open.close()

    def work(
        self,
        jobs: Sequence[Job],
        do: Callable[[Worker, Job], Said],
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[Job, Said]]:
        """Does jobs, and yields each with what it gave, in the order in which they end.

        A worker that is lost gives its job back to the others, and takes no other of this list.

        Args:
            jobs: What is to be done, in the order in which it is begun.
            do: Does one job on a worker, in a thread.
            is_over: Asked before each job; once it says so none is begun, and none of those that
                were not is yielded.

        Raises:
            WorkerLostError: All workers are lost, and jobs are left.
        """
        yield from _Shift(self._workers, jobs, do, is_over, self._patience).results()


class _Jobs(Generic[Job]):
    """What is still to be done; a thread waits here while others may yet give a job back."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting = deque(jobs)
        self._unfinished = len(self._waiting)
        self._changed = threading.Condition()

    @property
    def are_left(self) -> bool:
        """Whether one of them is neither done nor given up."""
        return self._unfinished > 0

    def take(self, is_done: Callable[[], bool]) -> Job | None:
        """The next one; None once all are done, or nobody wants them any more."""
        with self._changed:
            while self._unfinished and not is_done():
                if self._waiting:
                    return self._waiting.popleft()
                self._changed.wait(LOOK_EVERY)
        return None

    def give_back(self, job: Job) -> None:
        """Another worker is to do it, before all others."""
        with self._changed:
            self._waiting.appendleft(job)
            self._changed.notify_all()

    def finish(self) -> None:
        """One is done."""
        with self._changed:
            self._unfinished -= 1
            self._changed.notify_all()


class _Shift(Generic[Job, Said]):
    """One list of jobs."""

    def __init__(
        self,
        workers: list[Worker],
        jobs: Sequence[Job],
        do: Callable[[Worker, Job], Said],
        is_over: Callable[[], bool],
        patience: Patience | None,
    ) -> None:
        self._workers = workers
        self._do = do
        self._is_over = is_over
        self._patience = patience
        self._placeless: set[int] = set()
        self._jobs = _Jobs(jobs)
        self._drivers = Drivers[tuple[Job, Said]](self._tell_patience)
        self._lost = ""

    def results(self) -> Iterator[tuple[Job, Said]]:
        """Yields what the jobs gave."""
        yield from self._drivers.run([partial(self._drive, each) for each in self._workers])
        if self._jobs.are_left and not self._is_over():
            raise WorkerLostError(f"every worker of the stage was lost, the last one: {self._lost}")

    def _tell_patience(self) -> None:
        if self._patience is not None:
            self._patience.look(len(self._placeless))

    def _drive(self, worker: Worker) -> None:
        if not self._has_place(worker):
            return
        while (job := self._jobs.take(self._is_done)) is not None:
            try:
                self._drivers.say((job, self._do(worker, job)))
            except RayTaskError:  # our own mistake, not a loss: another worker would make it too
                raise
            except (RayError, WorkerLostError) as error:
                self._lost = str(error)
                self._jobs.give_back(job)
                return
            self._jobs.finish()

    def _has_place(self, worker: Worker) -> bool:
        """Waits for a place while there is work."""
        # A cluster that shrank has no place for it, and one that grows has it later.
        self._placeless.add(id(worker))
        try:
            while self._jobs.are_left and not worker.ready(LOOK_EVERY):
                if self._is_done():
                    return False
            return True
        finally:
            self._placeless.discard(id(worker))

    def _is_done(self) -> bool:
        return self._drivers.are_closed or self._is_over()
