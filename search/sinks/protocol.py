"""What a sink is told: the trials of a search, as they happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reports import TrialRecord
from trainables import EpochRecord

__all__ = ["Sink", "final_figures", "scalars_of"]


class Sink(Protocol):
    """Passes the trials of a search on; called from one thread, and may raise."""

    def started(self, trial_id: str, configuration: Mapping[str, object]) -> None:
        """A trial was handed out; again, if an earlier attempt or sitting was cut short."""

    def epoch(self, trial_id: str, epoch: EpochRecord) -> None:
        """A trial finished an epoch."""

    def ended(self, record: TrialRecord) -> None:
        """A trial ended."""

    def close(self) -> None:
        """The search is over, in order or not: whatever is open is closed."""


def scalars_of(epoch: EpochRecord) -> dict[str, float]:
    """The figures of one epoch by name, without its number."""
    return {name: float(value) for name, value in epoch.items() if name != "epoch"}  # type: ignore[arg-type]  # a TypedDict's values are objects to mypy


def final_figures(record: TrialRecord) -> dict[str, float]:
    """What a trial came to, by name; without what was not measured."""
    figures = {
        "val_accuracy": record.val_accuracy,
        "val_loss": record.val_loss,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "parameters": record.parameters,
    }
    return {f"final/{name}": float(v) for name, v in figures.items() if v is not None}
