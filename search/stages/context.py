"""What the stages of one run share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray

import scans
from neurosweep import errors
from neurosweep.errors import TrialError
from reports import TrialRecord
from search.assignment import Plan
from search.budget import Budget
from search.display import Display
from search.run_directory import RunDirectory
from search.worker import StageWorker
from trainables import Runtime

__all__ = ["Run", "StageWorkers", "timed"]


@contextlib.contextmanager
def timed(run: RunDirectory, display: Display, name: str, detail: str = "") -> Iterator[None]:
    """Shows a stage and writes its seconds into run.yaml, added to those of earlier sittings."""
    display.stage(name, detail)
    began = time.monotonic()
    try:
        yield
    finally:
        stages = dict(run.info.get("stages", {}))
        stages[name] = round(stages.get(name, 0.0) + time.monotonic() - began, 3)
        run.update(stages=stages)


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

    def facts(self) -> dict[str, Any]:
        """What all records of this run have in common."""
        return {
            "data_fingerprint": self.source.fingerprint,
            "synthetic": self.source.synthetic,
            "runtime": dict(vars(self.runtime)),
        }


class StageWorkers(contextlib.AbstractContextManager["StageWorkers"]):
    """One worker for the stages around the search, warm from task to task."""

    def __init__(self, runtime: Runtime, resources: Mapping[str, float]) -> None:
        """Asks Ray for a worker with the resources of one trial."""
        actor = ray.remote(num_cpus=resources["CPU"], num_gpus=resources["GPU"])(StageWorker)
        self._actor = actor.remote(runtime)
        self._ready = self._actor.__ray_ready__.remote()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone already
            ray.get(self._actor.close.remote(), timeout=10)
        ray.kill(self._actor)

    def ready(self, seconds: float) -> bool:
        """Waits for the worker to have a place; it may get none while others hold them all.

        Args:
            seconds: The longest wait.
        """
        return bool(ray.wait([self._ready], timeout=seconds)[0])

    def run(self, task: str, payload: dict[str, Any], *, seconds: float | None = None) -> Any:
        """Runs a task of `search.tasks` and returns its result.

        Args:
            task: The task's name.
            payload: Its arguments.
            seconds: Time after which it ends in order at its next epoch.

        Raises:
            TrialError: if the task failed; the message has its traceback, where that says more.
        """
        kind, content = ray.get(self._actor.run.remote(task, payload, seconds))
        if kind == "failed":
            raise TrialError(
                f"the stage's task `{task}` failed on its worker: {content['kind']}: "
                f"{content['message']}{_where(content)}"
            )
        return content


def _where(failure: Mapping[str, str]) -> str:
    """The traceback, but for errors raised on purpose: their message says all there is to know."""
    return "" if failure["kind"] in errors.__all__ else f"\n{failure['traceback']}"
