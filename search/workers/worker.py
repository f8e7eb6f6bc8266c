"""A worker of the search: a Tune trainable that keeps one warm child process.

One `step` is one epoch. The child waits after each epoch until Tune asks for the next one, so a
trial that the scheduler stops has not begun an epoch that nobody wanted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import ray
from ray import tune

import scans
from neurosweep.errors import OutOfMemoryError, OutOfTimeError, StateError, TrialError
from search.workers.child import CONTINUE, STOP
from search.workers.code_hash import code_hash, explain_mismatch
from search.workers.control import Lateness, RemoteCountdown
from search.workers.depot import RemoteDepot
from search.workers.errands import Errands, at_home
from search.workers.installed import explain_versions, installed
from search.workers.limits import Limits
from search.workers.memory import machine_memory, memory_share
from search.workers.node_images import NodeImages
from search.workers.state_rhythm import KEEP_SECONDS
from search.workers.this_node import this_node, whereabouts
from search.workers.warm_child import TASKS, WarmChild
from trainables import EpochRecord, Recipe, Runtime
from trainables.recipe import in_halves

__all__ = [
    "ANEW",
    "FINAL",
    "PARTS",
    "PROGRESS",
    "SCORE",
    "STATE",
    "StageWorker",
    "TrialWorker",
    "WorkerSettings",
]

SCORE, PROGRESS, FINAL = "score", "progress", "final"
"""Keys of a result: the score the scheduler compares, the epochs trained, the outcome.

The score is that of the epoch by what is aimed at, higher is better; the scheduler compares the
best so far, which is what a trial would be worth if it ended here.
"""

_TRAINING = ("fine_tune", "retrain")
"""Tasks of the stages that have epochs; a trial's limits hold for them as well."""

STATE, ANEW, PARTS = "state", "anew", "parts"
"""More keys: a reference to the trial's state after the epoch; why the trial began anew here; the
parts in which it goes through each batch since then."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What every trial of a search has in common.

    Attributes:
        source: The images and how they are divided.
        runtime: Threads, precision and determinism.
        limits: What a trial may take.
        resources: What a trial gets, as Ray names it; with `workers` it says how many trials may
            be on one node at once.
        workers: Trials at once in all.
        code: The hash of the driver's code.
        versions: The driver's versions of what decides the figures.
        tasks: The module of the child's tasks.
        keep_seconds: The shortest pause between two states of a trial.
        countdown: Says how long the search still goes on; None for no end.
        most_parameters: A larger network is not trained at all; None for no bound.
        with_latency: Whether each completed trial's latency is measured.
        depot: Where images, features and weights are fetched from; None where nothing is.
    """

    source: scans.Source | None
    runtime: Runtime
    limits: Limits = field(default_factory=Limits)
    resources: Mapping[str, float] = field(default_factory=dict)
    workers: int = 1
    code: str = field(default_factory=code_hash)
    versions: Mapping[str, str] = field(default_factory=installed)
    tasks: str = TASKS
    keep_seconds: float = KEEP_SECONDS
    countdown: RemoteCountdown | None = None
    most_parameters: float | None = None
    with_latency: bool = False
    depot: RemoteDepot | None = None

    def limits_here(self) -> Limits:
        """The limits on the node this runs on: a trial's share of it, where none was asked for."""
        if self.limits.memory is not None:
            return self.limits
        total, node = machine_memory(), this_node()
        share = memory_share(total, node.get("Resources", {}), self.resources, self.workers)
        return replace(self.limits, memory=share)

    def child(self, limits: Limits) -> WarmChild:
        """A child process for this worker, not started yet; it has the GPUs of one trial."""
        gpus = self.resources.get("GPU", 0.0)
        return WarmChild(self.runtime, limits, tasks=self.tasks, gpus=gpus)

    def mismatch(self) -> str | None:
        """What is wrong if the code or a version here is not the driver's, else None."""
        node = this_node().get("NodeManagerAddress", "a node")
        return explain_mismatch(self.code, node=node) or explain_versions(self.versions, node=node)


class TrialWorker(tune.Trainable):  # type: ignore[misc]  # Ray ships no types
    """Trains one configuration after another; `config["assignment"]` names it."""

    def setup(self, config: dict[str, Any], settings: WorkerSettings | None = None) -> None:
        """Keeps the settings; the child process starts with the first trial."""
        if settings is None:
            raise TypeError("TrialWorker is made with its settings by tune.with_parameters")
        self._settings = settings
        self._mismatch = settings.mismatch()
        limits = settings.limits_here()
        self._child = settings.child(limits)
        self._source = _at_home(settings.source)
        self._images = NodeImages(settings.depot, self._child, limits, self._say_alive)
        self._errands = Errands(settings.depot, self._say_alive)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial; one still running was stopped by the scheduler and is dropped."""
        self._child.drop()
        self._assignment: Mapping[str, Any] = new_config["assignment"]
        self._last_epoch: EpochRecord | None = None
        self._is_late = None
        if (countdown := self._settings.countdown) is not None:
            name, every = self._assignment["trial_id"], self._settings.limits.ask_every
            self._is_late = Lateness(countdown, name, seldom=every)
        self._recipe = Recipe.from_dict(self._assignment["recipe"])
        self._state: Any = None
        self._state_refused = False
        self._news: dict[str, Any] = {}
        return True

    def step(self) -> dict[str, Any]:
        """Trains one epoch, or hands over the trial's result after its last one."""
        result = self._step()
        news, self._news = self._news, {}
        return {**result, **news}

    def _step(self) -> dict[str, Any]:
        if self._mismatch is not None:
            return {"done": True, FINAL: {"mismatch": self._mismatch}}
        try:
            kind, content = self._next_message()
        except TrialError as error:
            kind, content = "failed", _failure(error)
        if kind == "epoch":
            self._last_epoch = content
            return self._epoch(content)
        if kind == "failed":
            if content["kind"] == OutOfMemoryError.__name__:
                self._child.close()  # what the next trial needs may never come back to it
            return {"done": True, FINAL: {"failure": content}}
        # What is large goes by reference: the driver fetches the weights of the best few only.
        weights = ray.put(content.weights)
        return {"done": True, FINAL: {"result": _light(content), "weights": [weights]}}

    def cleanup(self) -> None:
        """Ends the child process with the worker."""
        self._child.close()

    def _next_message(self) -> tuple[str, Any]:
        if self._last_epoch is None:
            if self._seconds_left() <= 0:  # while the trial waited for a worker say
                raise OutOfTimeError("the search ended before it began on a worker")
            self._begin(_brought(self._assignment.get("state")))
        else:
            # At least half of the next epoch is to lie before the end.
            goes_on = self._seconds_left() > self._last_epoch["seconds"] / 2
            self._child.answer(CONTINUE if goes_on else STOP)
        kind, content = self._next_word()
        while kind == "failed" and self._may_begin_anew(content):
            self._begin(None)
            kind, content = self._next_word()
        return kind, content

    def _may_begin_anew(self, failure: Mapping[str, Any]) -> bool:
        """Whether a trial that failed begins again here, and how; once for each cause."""
        if failure["kind"] == StateError.__name__ and not self._state_refused:
            self._state_refused = True
            self._news[ANEW] = failure["message"]
            return True
        halved = in_halves(self._recipe)
        if failure["kind"] != OutOfMemoryError.__name__ or halved is None:
            return False
        self._child.close()  # TensorFlow gives nothing back within a process
        self._recipe, self._state = halved, None
        why = f"whole batches ran out of memory: {failure['message']}"
        self._news |= {ANEW: why, PARTS: halved.accumulation}
        return True

    def _begin(self, state: bytes | None) -> None:
        payload = {
            "recipe": self._recipe,
            "source": self._source,
            "state": state,
            "keep_seconds": self._settings.keep_seconds,
            "most_parameters": self._settings.most_parameters,
            "with_latency": self._settings.with_latency,
        }
        payload = self._images.have(payload)
        self._source = payload["source"]
        self._errands.fetch("fit", payload)
        self._child.begin("fit", payload)

    def _say_alive(self) -> None:
        """To ask is a sign of life: it is not asked in vain while something is fetched."""
        if self._is_late is not None:
            self._is_late()

    def _next_word(self) -> tuple[str, Any]:
        """The next message that Tune is to hear of; a state waits for the epoch it belongs to."""
        kind, content = self._child.next_message(self._is_late)
        while kind == "state":
            self._state = ray.put(np.frombuffer(content, np.uint8))
            kind, content = self._child.next_message(self._is_late)
        return kind, content

    def _seconds_left(self) -> float:
        countdown = self._settings.countdown
        return math.inf if countdown is None else countdown.seconds_left()

    def _epoch(self, record: EpochRecord) -> dict[str, Any]:
        by_loss = self._recipe.keep_by == "val_loss"
        score = -record["val_loss"] if by_loss else record["val_accuracy"]
        result = {SCORE: score, PROGRESS: record["epoch"], "epoch": dict(record)}
        if self._state is not None:
            # By reference, as weights go: the driver fetches it if it has the time to write it.
            result[STATE], self._state = [self._state], None
        return result


def _brought(state: list[Any] | None) -> bytes | None:
    """The state that an assignment refers to."""
    return None if state is None else ray.get(state[0]).tobytes()


def _light(result: Any) -> dict[str, Any]:
    """A fit's result without its weights."""
    return {name: value for name, value in vars(result).items() if name != "weights"}


def _failure(error: TrialError) -> dict[str, str]:
    """A failure that the child could not tell itself; its message has the last words."""
    return {"kind": type(error).__name__, "message": str(error)}


def _at_home(source: Any) -> Any:
    """A source with the caches of this node; what tests have instead of one stays as it is."""
    return at_home(source) if isinstance(source, scans.Source) else source


class StageWorker:
    """Runs the stages around the search on a worker, one task after another in a warm child.

    A plain class, so that its type is known; `ray.remote(StageWorker)` makes the actor.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Keeps the settings; the child process starts with the first task."""
        self._mismatch = settings.mismatch()
        self._limits = settings.limits_here()
        self._child = settings.child(self._limits)
        self._images = NodeImages(settings.depot, self._child, self._limits)
        self._errands = Errands(settings.depot)

    def run(self, task: str, payload: dict[str, Any], seconds: float | None = None) -> Any:
        """Runs a task of `search.workers.tasks` to its end and returns its message.

        Args:
            task: The task's name.
            payload: Its arguments.
            seconds: Time after which it is asked to end in order at its next epoch.

        Returns:
            What the child says last, or `mismatch` with an explanation.
        """
        if self._mismatch is not None:
            return "mismatch", self._mismatch
        try:
            return self._run(task, payload, seconds)
        except TrialError as error:
            return "failed", {**_failure(error), "traceback": ""}

    def _run(self, task: str, payload: dict[str, Any], seconds: float | None) -> Any:
        deadline = None if seconds is None else time.monotonic() + seconds
        if "source" in payload:
            payload = {**payload, "source": _at_home(payload["source"])}
        payload = self._images.have(payload)
        self._errands.fetch(task, payload)
        limits = self._limits if task in _TRAINING else self._limits.patient()
        self._child.begin(task, payload, limits=limits)

        def is_over() -> bool:
            return deadline is not None and time.monotonic() > deadline

        while True:
            kind, content = self._child.next_message(is_over if task == "fine_tune" else None)
            if kind == "done" and task == "prepare":
                return kind, [{**whereabouts(), **built} for built in content or ()]
            if kind == "failed" and content["kind"] == OutOfMemoryError.__name__:
                self._child.close()  # TensorFlow gives nothing back within a process
            if kind != "epoch":
                return kind, content
            late = deadline is not None and time.monotonic() + content["seconds"] / 2 > deadline
            self._child.answer(STOP if late else CONTINUE)

    def alive(self) -> bool:
        """Answers, while a task runs as well: the actor has a thread for it."""
        return True

    def close(self) -> None:
        """Ends the child process."""
        self._child.close()
