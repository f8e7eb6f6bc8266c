"""Ends workers that give no sign of life: they are frozen, or cut off without Ray noticing.

A worker's child is watched by its worker, a node by Ray; this watches what is between.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

import ray
from ray import tune

from search.scheduling.tune_objects import NotRestored, name_of
from search.workers.limits import Limits

__all__ = ["FrozenWorkers"]


class _Countdown(Protocol):
    def silences(self, trial_ids: Collection[str]) -> dict[str, float] | None: ...


class FrozenWorkers(NotRestored, tune.Callback):  # type: ignore[misc]  # Ray ships no types
    """Kills the actor of a trial that has been silent for too long; the trial has lost its worker.

    A worker that was not heard of yet is silent since its trial began, and silence while the driver
    itself stood still, stopped by a signal say, is nobody's: a worker whose epoch has ended waits.
    """

    def __init__(
        self,
        countdown: _Countdown,
        limits: Limits,
        *,
        kill: Callable[[Any], None] = ray.kill,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watches over all trials of a search.

        Args:
            countdown: Knows when each trial's worker last asked.
            limits: Say after how much silence a worker is killed.
            kill: Ends an actor, given its handle.
            clock: Returns seconds; only differences are used.
        """
        self._countdown = countdown
        self._limit = limits.frozen
        self._look_every = limits.ask_every
        self._kill = kill
        self._clock = clock
        self._running: dict[str, tuple[Any, float]] = {}
        self._killed: dict[str, str] = {}
        self._looked = clock()

    def on_trial_start(self, *, trial: Any, **_: Any) -> None:
        """Watches over a trial from now on."""
        self._running[name_of(trial)] = (trial, self._clock())

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
        """Lets go of a trial that ended."""
        self._running.pop(name_of(trial), None)

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:
        """Lets go of a trial that lost its worker."""
        self._running.pop(name_of(trial), None)

    def on_step_begin(self, **_: Any) -> None:
        """Looks, from time to time, for workers that are silent."""
        now = self._clock()
        if now > self._looked + self._look_every:
            if self._running:
                self._look(now)
            self._looked = now

    def why_killed(self, trial_id: str) -> str | None:
        """Why a trial's worker was killed here, said once; None if it was not."""
        return self._killed.pop(trial_id, None)

    def _look(self, now: float) -> None:
        if now > self._looked + self._limit / 2:  # it looks more often, so it was away
            self._running = {name: (trial, now) for name, (trial, _) in self._running.items()}
        silences = self._countdown.silences(self._running.keys())
        if silences is None:  # nothing is known, so nobody is killed
            return
        for name, (trial, began) in list(self._running.items()):
            silence = min(silences.get(name, math.inf), now - began)
            if silence > self._limit:
                del self._running[name]
                self._killed[name] = f"its worker gave no sign of life for {silence:.0f} seconds"
                self._kill(trial.temporary_state.ray_actor)
