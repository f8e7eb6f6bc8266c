"""Which epoch is kept and when training ends: decisions on numbers, free of Keras."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from neurosweep.errors import DivergedError
from trainables.results import EpochRecord

__all__ = ["Limits", "Progress"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When training ends: after `epochs`, after `stop_epoch`, or `patience` epochs of no gain.

    `keep_by` says what a gain is: "val_accuracy" or "val_loss".
    """

    epochs: int
    patience: int
    stop_epoch: int | None = None
    keep_by: str = "val_accuracy"


class Progress:
    """Follows the validation score over the epochs of one training run.

    A score is better when its accuracy is higher, or equal with a lower loss; where the loss is
    what counts, the other way round.
    """

    def __init__(self, limits: Limits, history: Iterable[EpochRecord] = ()) -> None:
        """Begin before the first epoch, or after those of earlier sittings."""
        self._limits = limits
        self._best = (-math.inf, -math.inf)
        self.kept_epoch = 0
        self.history: list[EpochRecord] = []
        for record in history:
            self.add(record)

    def add(self, record: EpochRecord) -> bool:
        """Note an epoch; True if it is the best so far.

        Raises:
            DivergedError: A loss is NaN or infinite.
        """
        for key in ("loss", "val_loss"):
            check_finite(record[key], name=key, epoch=record["epoch"])
        self.history.append(record)
        score = (record["val_accuracy"], -record["val_loss"])
        if self._limits.keep_by == "val_loss":
            score = score[::-1]
        if score <= self._best:
            return False
        self._best, self.kept_epoch = score, record["epoch"]
        return True

    def end(self, *, stopped: bool) -> str | None:
        """Why training ends after the last epoch noted, or None if it goes on.

        Args:
            stopped: What was asked from outside for this epoch.
        """
        epoch = len(self.history)
        if epoch >= self._limits.epochs:
            return "finished"
        if epoch - self.kept_epoch >= self._limits.patience:
            return "early_stopping"
        if stopped or epoch == self._limits.stop_epoch:
            return "stopped"
        return None


def check_finite(value: float, *, name: str, epoch: int) -> None:
    """Refuse a loss that is NaN or infinite.

    Raises:
        DivergedError: It is; nothing that follows would mean anything.
    """
    if not math.isfinite(value):
        raise DivergedError(
            f"A training run needs a finite {name}; received {value} in epoch {epoch}. "
            "The learning rate is probably too high for this configuration."
        )
