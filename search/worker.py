"""A worker of the search: a Tune trainable that keeps one warm child process.

One `step` is one epoch. The child waits after each epoch until Tune asks for the next one, so a
trial that the scheduler stops has not begun an epoch that nobody wanted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune

import scans
from neurosweep.errors import WorkerLostError
from search.child import CONTINUE, STOP
from search.warm_child import WarmChild
from trainables import EpochRecord, Recipe, Runtime

__all__ = ["FINAL", "PROGRESS", "SCORE", "StageWorker", "TrialWorker", "WorkerSettings"]

SCORE, PROGRESS, FINAL = "score", "progress", "final"
"""Keys of a result: the score the scheduler compares, the epochs trained, the outcome.

The score is the best validation accuracy so far, not the last: it is what the trial would be
worth if it ended here, and early epochs with batch norm jump up and down.
"""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What every trial of a search has in common.

    Attributes:
        source: The images and how they are divided.
        runtime: Threads, precision and determinism.
    """

    source: scans.Source
    runtime: Runtime


class TrialWorker(tune.Trainable):  # type: ignore[misc]  # Ray ships no types
    """Trains one configuration after another; `config["assignment"]` names it."""

    def setup(self, config: dict[str, Any], settings: WorkerSettings | None = None) -> None:
        """Keeps the settings; the child process starts with the first trial."""
        if settings is None:
            raise TypeError("TrialWorker is made with its settings by tune.with_parameters")
        self._settings = settings
        self._child = WarmChild(settings.runtime)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial; one still running was stopped by the scheduler and is dropped."""
        self._child.drop()
        self._assignment: Mapping[str, Any] = new_config["assignment"]
        left = self._assignment["seconds_left"]
        self._deadline = None if left is None else time.monotonic() + left
        self._last_epoch: EpochRecord | None = None
        self._best = 0.0
        return True

    def step(self) -> dict[str, Any]:
        """Trains one epoch, or hands over the trial's result after its last one."""
        try:
            kind, content = self._next_message()
        except WorkerLostError as error:
            kind, content = "failed", {"kind": "WorkerLostError", "message": str(error)}
        if kind == "epoch":
            self._last_epoch = content
            self._best = max(self._best, content["val_accuracy"])
            return self._epoch(content)
        if kind == "failed":
            return {"done": True, FINAL: {"failure": content}}
        # What is large goes by reference: the driver fetches the weights of the best few only.
        weights = ray.put(content.weights)
        return {"done": True, FINAL: {"result": _light(content), "weights": [weights]}}

    def cleanup(self) -> None:
        """Ends the child process with the worker."""
        self._child.close()

    def _next_message(self) -> tuple[str, Any]:
        if self._last_epoch is None:
            recipe = Recipe.from_dict(self._assignment["recipe"])
            self._child.begin("fit", {"recipe": recipe, "source": self._settings.source})
        else:
            self._child.answer(CONTINUE if self._time_for_another_epoch() else STOP)
        return self._child.next_message()

    def _time_for_another_epoch(self) -> bool:
        """Whether at least half of the next epoch would lie before the deadline."""
        if self._deadline is None or self._last_epoch is None:
            return True
        return bool(time.monotonic() + self._last_epoch["seconds"] / 2 < self._deadline)

    def _epoch(self, record: EpochRecord) -> dict[str, Any]:
        return {SCORE: self._best, PROGRESS: record["epoch"], "epoch": dict(record)}


def _light(result: Any) -> dict[str, Any]:
    """A fit's result without its weights."""
    return {name: value for name, value in vars(result).items() if name != "weights"}


class StageWorker:
    """Runs the stages around the search on a worker, one task after another in a warm child.

    A plain class, so that its type is known; `ray.remote(StageWorker)` makes the actor.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Keeps the runtime; the child process starts with the first task."""
        self._child = WarmChild(runtime)

    def run(self, task: str, payload: dict[str, Any], seconds: float | None = None) -> Any:
        """Runs a task of `search.tasks` to its end and returns its message.

        Args:
            task: The task's name.
            payload: Its arguments.
            seconds: Time after which it is asked to end in order at its next epoch.
        """
        try:
            return self._run(task, payload, seconds)
        except WorkerLostError as error:
            return "failed", {"kind": "WorkerLostError", "message": str(error), "traceback": ""}

    def _run(self, task: str, payload: dict[str, Any], seconds: float | None) -> Any:
        deadline = None if seconds is None else time.monotonic() + seconds
        self._child.begin(task, payload)
        while True:
            kind, content = self._child.next_message()
            if kind != "epoch":
                return kind, content
            late = deadline is not None and time.monotonic() + content["seconds"] / 2 > deadline
            self._child.answer(STOP if late else CONTINUE)

    def close(self) -> None:
        """Ends the child process."""
        self._child.close()
