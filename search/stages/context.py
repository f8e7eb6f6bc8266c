"""What the stages of one run share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

import scans
from neurosweep import errors
from neurosweep.errors import (
    CodeMismatchError,
    ExperimentError,
    NeurosweepError,
    OutOfMemoryError,
    TrialError,
    WorkerLostError,
)
from reports import TrialRecord
from reports.ranking import Ranking
from reports.scores.validation import ValidationScores
from search.books.assignment import Plan
from search.books.trial_records import first_line
from search.budgets.budget import Budget
from search.budgets.held_time import Size
from search.display import Display
from search.runs.run_directory import RunDirectory
from search.workers.depot import RemoteDepot
from search.workers.limits import Limits
from search.workers.patience import Patience
from search.workers.places import node_of
from search.workers.roll_call import RollCall
from search.workers.warm_child import TASKS
from search.workers.worker import StageWorker, WorkerSettings
from trainables import Runtime

__all__ = [
    "FINAL_STAGES",
    "PLACE_LIMIT",
    "Run",
    "StageWorkers",
    "groups_of",
    "losing",
    "placing",
    "timed",
    "true_labels",
]

FINAL_STAGES = "final stages"
"""What the worker is held for that does the stages after the search."""

_ATTEMPTS = 3
"""How often a task is begun that loses its worker: no fault of its own, but not for ever."""

PLACE_LIMIT = 600.0
"""Seconds for a cluster to bring a node, or to bring one back (ours)."""

_THREADS = 2  # of a worker: one for its task, one to answer

_AS_MANY_AS_FIT = 2**31  # workers: those of a node are limited by its resources alone


@contextlib.contextmanager
def timed(run: RunDirectory, display: Display, name: str, detail: str = "") -> Iterator[None]:
    """Shows a stage and writes its seconds into run.yaml, added to those of earlier sittings."""
    display.stage(name, detail)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        with contextlib.suppress(NeurosweepError):  # what ended the stage matters more
            _note_seconds(run, name, began)
        raise
    _note_seconds(run, name, began)


def _note_seconds(run: RunDirectory, name: str, began: float) -> None:
    stages = dict(run.info.get("stages", {}))
    stages[name] = round(stages.get(name, 0.0) + time.monotonic() - began, 3)
    run.update(stages=stages)


def true_labels(source: scans.Source, part: str) -> NDArray[np.int64]:
    """The labels of a part as positions in the classes, (images,), in the split's order."""
    rows = source.split.to_pylist()
    position = {name: index for index, name in enumerate(source.classes)}
    return np.array([position[row["label"]] for row in rows if row["part"] == part], np.int64)


def groups_of(source: scans.Source, part: str) -> NDArray[np.int64] | None:
    """The groups of a part's images, (images,); None where the split does not say."""
    if "group" not in source.split.column_names:
        return None
    columns = (source.split.column(name).to_pylist() for name in ("part", "group"))
    return np.array([group for one, group in zip(*columns, strict=True) if one == part], np.int64)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run under way, after its data are prepared and Ray is reached.

    Attributes:
        directory: The run directory, held by this process.
        plan: What recipes are made from.
        source: The images and how they are divided.
        budget: What may be spent.
        display: Shown every change.
        resources: What one trial gets, as Ray names it.
        workers: Trials at once.
        runtime: Threads, precision and determinism of training.
        records: Those of earlier sittings, and, from the search stage on, of this one.
        depot: Where workers fetch images, features and weights from; None where they lack nothing.
        roll_call: Asks the nodes that come; None on this machine.
    """

    directory: RunDirectory
    plan: Plan
    source: scans.Source
    budget: Budget
    display: Display
    resources: Mapping[str, float]
    workers: int
    runtime: Runtime
    records: list[TrialRecord] = field(default_factory=list)
    depot: RemoteDepot | None = None
    roll_call: RollCall | None = None

    @property
    def limits(self) -> Limits:
        """What a trial may take."""
        return Limits.of(self.plan.experiment.resources)

    @property
    def ranking(self) -> Ranking:
        """The order of its trials."""
        return Ranking(self.plan.experiment.search.aim.objectives)

    @contextlib.contextmanager
    def hired(
        self, name: str, stage: str, resources: Mapping[str, float] | None = None
    ) -> Iterator[StageWorkers]:
        """Holds a worker for the length of the block, and counts what it costs from its place on.

        Args:
            name: What it is held for; unlike all that are held at the time.
            stage: The stage that this is part of, as `reports.spending.STAGES` names it.
            resources: What it gets, as Ray names it; None for what a trial gets.
        """
        own = resources or self.resources
        with (
            self.budget.held.holding(name, stage, Size.of(own)),
            StageWorkers(
                self.runtime,
                own,
                self.limits,
                depot=self.depot,
                patience=Patience(self.display.note),
                placed=placing(self.budget, name, self.display),
                lost=losing(self.budget, name, self.display),
            ) as worker,
        ):
            yield worker

    def validation_scores(self) -> ValidationScores:
        """Scores validation probabilities for the trials' records.

        Raises:
            ExperimentError: if the search aims at them and there is no such class.
        """
        negative = self.directory.info["data"]["negative_class"]
        if negative is None and "missed_positives" in self.plan.experiment.search.aim.needs:
            raise ExperimentError(
                'missed positives need a class that means "nothing found"; '
                f"data.negative_class names none of {', '.join(self.source.classes)}. Name it, "
                "or leave missed_positives out of search.objective and search.constraints."
            )
        return ValidationScores(
            labels=true_labels(self.source, "validation"),
            classes=tuple(self.source.classes),
            negative_class=negative,
            groups=groups_of(self.source, "validation"),
        )

    def facts(self) -> dict[str, Any]:
        """What all records of this run have in common."""
        return {
            "data_fingerprint": self.source.fingerprint,
            "synthetic": self.source.synthetic,
            "runtime": self.runtime.record(),
            "split": scans.parts_hash(self.source.split),
        }


def placing(budget: Budget, name: str, display: Display) -> Callable[[Any], None]:
    """Told the actor of a held worker once it has its place, says what it costs there."""

    def placed(actor: Any) -> None:
        if (told := budget.place(name, lambda: node_of(actor))) is not None:
            display.note(told)

    return placed


def losing(budget: Budget, name: str, display: Display) -> Callable[[str], None]:
    """Told why a held worker was lost, counts that and says it."""

    def lost(why: str) -> None:
        budget.held.lose(name)
        display.note(f"{name}: the worker was lost and is replaced: {first_line(why)}")

    return lost


class StageWorkers(contextlib.AbstractContextManager["StageWorkers"]):
    """One worker for the stages around the search, warm from task to task.

    A worker that is lost, with its node say, is replaced, and its task begun again.
    """

    def __init__(
        self,
        runtime: Runtime,
        resources: Mapping[str, float],
        limits: Limits | None = None,
        *,
        depot: RemoteDepot | None = None,
        patience: Patience | None = None,
        tasks: str = TASKS,
        placed: Callable[[Any], None] | None = None,
        lost: Callable[[str], None] | None = None,
    ) -> None:
        """Asks Ray for a worker with the resources of one trial.

        Args:
            runtime: Threads, precision and determinism.
            resources: What the worker gets, as Ray names it.
            limits: What training may take; None for what holds by default.
            depot: Where it fetches features and weights from; None where it fetches nothing.
            patience: Is told whether it waits for a place; None where somebody else is.
            tasks: The module of the tasks.
            placed: Told the actor each time that one was seen at its place.
            lost: Told why, each time that one was lost and is replaced.
        """
        self._settings = WorkerSettings(
            source=None,
            runtime=runtime,
            limits=limits or Limits(),
            resources=dict(resources),
            workers=_AS_MANY_AS_FIT,
            depot=depot,
            tasks=tasks,
        )
        self._patience = patience
        self._replaced = False
        self._placed = placed or (lambda _: None)
        self._lost = lost or (lambda _: None)
        self._is_placed = False
        self._hire()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone already
            ray.get(self._actor.close.remote(), timeout=10)
        ray.kill(self._actor)

    def ready(self, seconds: float) -> bool:
        """Waits for the worker to have a place; it may get none while others hold them all.

        Args:
            seconds: The longest wait.
        """
        ready = bool(ray.wait([self._ready], timeout=seconds)[0])
        if ready and not self._is_placed:
            self._is_placed = True
            self._placed(self._actor)
        return ready

    def run(self, task: str, payload: dict[str, Any], *, seconds: float | None = None) -> Any:
        """Runs a task of `search.workers.tasks` and returns its result.

        Args:
            task: The task's name.
            payload: Its arguments.
            seconds: Time after which it ends in order at its next epoch.

        Raises:
            TrialError: if the task failed; the message has its traceback, where that says more.
            OutOfMemoryError: if it failed for memory.
            WorkerLostError: if it lost its worker time after time, or there is no place for
                another worker.
            CodeMismatchError: if the worker runs another version of this program.
        """
        end = None if seconds is None else time.monotonic() + seconds
        for _ in range(_ATTEMPTS):
            left = None if end is None else max(0.0, end - time.monotonic())
            kind, content = self._attempt(task, payload, left)
            if kind == "mismatch":
                raise CodeMismatchError(content)
            if kind != "failed":
                return content
            if content["kind"] != WorkerLostError.__name__:
                of_memory = content["kind"] == OutOfMemoryError.__name__
                raise (OutOfMemoryError if of_memory else TrialError)(
                    f"the stage's task `{task}` failed on its worker: {content['kind']}: "
                    f"{content['message']}{_where(content)}"
                )
        raise WorkerLostError(
            f"the stage's task `{task}` lost its worker {_ATTEMPTS} times, the last time: "
            f"{content['message']}"
        )

    def _attempt(self, task: str, payload: dict[str, Any], seconds: float | None) -> Any:
        """The worker's last message; a worker that is lost with its node fails as a child does."""
        wait = PLACE_LIMIT if seconds is None else min(PLACE_LIMIT, seconds)
        if self._replaced and not self.ready(wait):
            raise WorkerLostError(
                f"the worker of the stage's task `{task}` was lost, and for {wait:.0f} "
                "seconds there was no place for another; bring the cluster's nodes back and go on "
                "with --resume"
            )
        try:
            return self._answer(self._actor.run.remote(task, payload, seconds))
        except RayTaskError:
            raise
        except RayError as error:
            return self._lose(f"its process or node is gone: {error}")
        except WorkerLostError as error:
            return self._lose(str(error))

    def _answer(self, answer: Any) -> Any:
        """Waits for the end of a task, and asks meanwhile whether its worker is alive.

        Raises:
            WorkerLostError: if it has a place and did not answer for as long as a frozen one.
            RayError: if it is gone.
        """
        limits, silent = self._settings.limits, 0.0
        look = limits.ask_every
        while silent <= limits.frozen:
            # What it holds counts from its place on, so that is waited for as well.
            looked_for = [answer] if self._is_placed else [answer, self._ready]
            if answer in ray.wait(looked_for, timeout=look)[0]:
                self.ready(0)
                return ray.get(answer)
            has_place = self._tell_patience()
            if not has_place or ray.wait([self._actor.alive.remote()], timeout=look)[0]:
                silent = 0.0
            else:
                silent += look  # counted, not read from a clock: the driver may have stood still
        raise WorkerLostError(f"its worker gave no sign of life for {silent:.0f} seconds")

    def _tell_patience(self) -> bool:
        """Whether the worker has a place; says if it has had none for long."""
        has_place = self.ready(0)
        if self._patience is not None:
            self._patience.look(0 if has_place else 1)
        return has_place

    def _lose(self, message: str) -> tuple[str, dict[str, str]]:
        """Puts another worker in the place of one that is lost, and says so as a child would."""
        with contextlib.suppress(Exception):
            ray.kill(self._actor)
        self._hire()
        self._replaced = True
        self._lost(message)
        return "failed", {"kind": WorkerLostError.__name__, "message": message}

    def _hire(self) -> None:
        resources = self._settings.resources
        actor = ray.remote(num_cpus=resources["CPU"], num_gpus=resources["GPU"])(StageWorker)
        self._actor = actor.options(max_concurrency=_THREADS).remote(self._settings)
        self._ready = self._actor.__ray_ready__.remote()
        self._is_placed = False


def _where(failure: Mapping[str, str]) -> str:
    """The traceback, but for errors raised on purpose: their message says all there is to know."""
    return "" if failure["kind"] in errors.__all__ else f"\n{failure['traceback']}"
