"""What workers ask while they train: how long the search still goes on.

A trial can wait long for its worker, a budget of worker hours ends sooner the more workers there
are, and a person may stop a search: so the answer cannot travel with the trial. It is kept by an
actor beside the driver, counted down on the actor's own clock: clocks of machines differ. Each
question is a sign of life as well: who has not asked for long is frozen, or cut off.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["Countdown", "Lateness", "RemoteCountdown", "countdown"]

_OFTEN, _SELDOM = 1.0, 30.0  # seconds between two looks at the countdown, at least and at most
_ANSWER_LIMIT = 10.0  # seconds to wait for an answer: a worker has its child to watch meanwhile


class Countdown:
    """Counts down from what it was last told, and remembers who asked when."""

    def __init__(self) -> None:
        """Begins without an end."""
        self._end = self._last = math.inf
        self._asked: dict[str, float] = {}

    def tell(self, seconds: float | None, last: float | None) -> None:
        """Sets the seconds until no epoch begins, and until none goes on; None is no limit."""
        now = time.monotonic()
        self._end = math.inf if seconds is None else now + seconds
        self._last = math.inf if last is None else now + last

    def seconds_left(self) -> float:
        """Seconds until the search ends, at least 0; infinite without a limit."""
        return max(0.0, self._end - time.monotonic())

    def seconds_to_last(self, trial_id: str) -> float:
        """Seconds until epochs are broken off, at least 0; infinite without a limit."""
        now = time.monotonic()
        self._asked[trial_id] = now
        return max(0.0, self._last - now)

    def silences(self, trial_ids: Collection[str]) -> dict[str, float]:
        """Seconds since a trial's worker last asked, for those that did; forgets all others."""
        self._asked = {name: self._asked[name] for name in trial_ids if name in self._asked}
        now = time.monotonic()
        return {name: now - then for name, then in self._asked.items()}


class RemoteCountdown:
    """The countdown as driver and workers see it."""

    def __init__(self, actor: Any) -> None:
        """Wraps the actor's handle, which can be sent to workers."""
        self._actor = actor

    def tell(self, seconds: float | None, last: float | None) -> None:
        """Sets both ends, without waiting for the actor."""
        self._actor.tell.remote(seconds, last)

    def seconds_left(self) -> float:
        """Seconds until the search ends; infinite where the actor does not answer.

        It lives and dies with the driver's machine, and with the driver the workers end.
        """
        return float(self._ask("seconds_left", otherwise=math.inf))

    def seconds_to_last(self, trial_id: str) -> float:
        """Seconds until epochs are broken off; infinite where the actor does not answer."""
        return float(self._ask("seconds_to_last", trial_id, otherwise=math.inf))

    def silences(self, trial_ids: Collection[str]) -> dict[str, float] | None:
        """Seconds since each trial's worker last asked; None where the actor does not answer."""
        found: dict[str, float] | None = self._ask("silences", list(trial_ids), otherwise=None)
        return found

    def _ask(self, method: str, *arguments: object, otherwise: Any) -> Any:
        try:
            answer = getattr(self._actor, method).remote(*arguments)
            return ray.get(answer, timeout=_ANSWER_LIMIT)
        except RayError:
            return otherwise


class Lateness:
    """Whether epochs are broken off by now; asks the countdown seldom while there is time."""

    def __init__(
        self,
        countdown: RemoteCountdown,
        trial_id: str,
        *,
        seldom: float = _SELDOM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Asks a countdown.

        Args:
            countdown: What is asked.
            trial_id: The trial that its worker trains.
            seldom: The longest pause between two questions, in seconds.
            clock: Returns seconds; only differences are used.
        """
        self._countdown = countdown
        self._trial_id = trial_id
        self._seldom = seldom
        self._clock = clock
        self._next = -math.inf

    def __call__(self) -> bool:
        """Whether it is too late for the epoch that runs."""
        now = self._clock()
        if now < self._next:
            return False
        left = self._countdown.seconds_to_last(self._trial_id)
        # Half of what is left, for the end can come nearer: budgets of hours, more workers.
        self._next = now + min(self._seldom, max(_OFTEN, left / 2))
        return left <= 0


@contextlib.contextmanager
def countdown() -> Iterator[RemoteCountdown]:
    """A countdown for the length of the block; Ray is connected."""
    # Without this Ray puts it on any node, and those of a cluster come and go.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(num_cpus=0, scheduling_strategy=here)(Countdown).remote()
    try:
        yield RemoteCountdown(actor)
    finally:
        ray.kill(actor)
