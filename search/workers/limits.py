"""What one task in a child process may take before it is ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from search.experiment_resources import EPOCH_LIMIT, Resources

__all__ = ["Limits"]

_SILENCE = 600.0
"""Seconds without a sign of life. One comes after every batch, so the longest silence is the first
batch of a large network, which TensorFlow traces: a minute or two on a slow CPU."""

_FROZEN = 900.0
"""Seconds without a question from a worker: it asks each half minute, save while its process
starts, which may take five minutes, while an unwanted trial unwinds, one minute, and while it waits
for the driver to say that it wants another epoch."""

_ASK_EVERY = 30.0

_PATIENT = 4 * 3600.0  # seconds of a task that gives no sign of life, such as building a cache

_MARK = 0.6
"""Share of a trial's memory past which a child is replaced between two trials: what is left must
hold the next trial, and what TensorFlow keeps from those before it is not given back."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a child process, and of the worker that watches it.

    Attributes:
        silence: Seconds without a sign of life after which a task counts as hung.
        epoch: Seconds that one epoch may take; the first one's include all that comes before it.
        memory: Bytes of memory of its own that it may hold; None for the trial's share of its node.
        frozen: Seconds without a sign of life from a trial's worker after which the driver counts
            it as lost.
    """

    silence: float = _SILENCE
    epoch: float = EPOCH_LIMIT
    memory: int | None = None
    frozen: float = _FROZEN

    @classmethod
    def of(cls, resources: Resources) -> Self:
        """The limits that an experiment asks for."""
        memory = resources.memory_per_trial
        return cls(epoch=resources.epoch_limit, memory=None if memory is None else int(memory))

    @property
    def ask_every(self) -> float:
        """Seconds between two signs of life of a worker, and between two looks for one."""
        return min(_ASK_EVERY, self.frozen / 4)

    @property
    def memory_mark(self) -> int | None:
        """Bytes past which a process is replaced between two tasks; None without a limit."""
        return None if self.memory is None else int(self.memory * _MARK)

    def patient(self) -> Limits:
        """The limits of a task that has no epochs, gives no sign of life and runs alone."""
        return replace(self, silence=_PATIENT, epoch=_PATIENT, memory=None)
