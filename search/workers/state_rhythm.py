"""When the state of a running trial is worth keeping: in the process that trains it."""

from __future__ import annotations

import time
from collections.abc import Callable

from trainables.checkpoint import LARGEST_STATE

__all__ = ["KEEP_SECONDS", "StateRhythm"]

KEEP_SECONDS = 60.0
"""A trial's state is made at most so often, in seconds.

What a kill can cost is then about a minute of each running trial, and where making a state takes
0.6 s or less it costs at most 1 % of the time. A trial that is over sooner never makes one.
"""

_SHARE = 0.01
"""Of a trial's time, what making states may cost: a slow one is followed by a longer pause."""


class StateRhythm:
    """Makes a state and hands it over where that is due; called after each epoch."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        seconds: float = KEEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the first pause.

        Args:
            send: Takes a state; the time it takes is part of what a state costs.
            seconds: The shortest pause between two states.
            clock: Returns seconds; only differences are used.
        """
        self._send = send
        self._seconds = seconds
        self._clock = clock
        self._due = clock() + seconds

    def __call__(self, make: Callable[[], bytes]) -> None:
        """Has a state made and sends it, if one is due."""
        began = self._clock()
        if began < self._due:
            return
        content = make()
        if len(content) <= LARGEST_STATE:
            self._send(content)
        ended = self._clock()
        self._due = ended + max(self._seconds, (ended - began) / _SHARE)
