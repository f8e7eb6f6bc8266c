"""What workers ask between epochs: how long the search still goes on.

A trial can wait long for its worker, a budget of worker hours ends sooner the more workers there
are, and a person may stop a search: so the answer cannot travel with the trial. It is kept by an
actor beside the driver, counted down on the actor's own clock: clocks of machines differ.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Any

import ray
from ray.exceptions import RayError

__all__ = ["Countdown", "RemoteCountdown", "countdown"]


class Countdown:
    """Counts down from what it was last told."""

    def __init__(self) -> None:
        """Begins without an end."""
        self._end = math.inf

    def tell(self, seconds: float | None) -> None:
        """Sets the seconds that are left; None is no limit."""
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds until the search ends, at least 0; infinite without a limit."""
        return max(0.0, self._end - time.monotonic())


class RemoteCountdown:
    """The countdown as driver and workers see it."""

    def __init__(self, actor: Any) -> None:
        """Wraps the actor's handle, which can be sent to workers."""
        self._actor = actor

    def tell(self, seconds: float | None) -> None:
        """Sets the seconds that are left, without waiting for the actor."""
        self._actor.tell.remote(seconds)

    def seconds_left(self) -> float:
        """Seconds until the search ends; infinite where the actor is gone.

        It lives and dies with the driver's machine, and with the driver the workers end.
        """
        try:
            return float(ray.get(self._actor.seconds_left.remote()))
        except RayError:
            return math.inf


@contextlib.contextmanager
def countdown() -> Iterator[RemoteCountdown]:
    """A countdown for the length of the block; Ray is connected."""
    actor = ray.remote(num_cpus=0)(Countdown).remote()
    try:
        yield RemoteCountdown(actor)
    finally:
        ray.kill(actor)
