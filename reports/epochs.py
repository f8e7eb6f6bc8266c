"""What one epoch of a trial measured: a line of `trials/ID/epochs.jsonl`."""

import json
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path

from neurosweep.errors import RunDirectoryError
from reports.files import read_lines

__all__ = ["EpochRecord", "read_epochs"]


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """Figures of one epoch; NaN where training diverged.

    Attributes:
        epoch: Counted from 1.
        accuracy: Training accuracy, 0 to 1 inclusive, as is `val_accuracy`.
        seconds: Wall time of this epoch.
        learning_rate: At the end of the epoch.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    learning_rate: float

    @property
    def is_finite(self) -> bool:
        """Whether the validation accuracy can be drawn."""
        return isfinite(self.val_accuracy)


_NAMES = frozenset(field.name for field in fields(EpochRecord))


def read_epochs(path: Path) -> tuple[EpochRecord, ...]:
    """Read a trial's epochs; a trial that failed before its first has none.

    Keys beside the known ones are other measurements and are left to whoever reads them.

    Raises:
        RunDirectoryError: A full line is not JSON, or lacks a figure.
    """
    return tuple(_epoch(line, path) for line in read_lines(path))


def _epoch(line: bytes, path: Path) -> EpochRecord:
    try:
        content = json.loads(line)
        epoch, others = int(_number(content["epoch"])), _NAMES - {"epoch"}
        return EpochRecord(epoch=epoch, **{name: _number(content[name]) for name in others})
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(
            f"each line of {path} must hold the numbers {', '.join(sorted(_NAMES))}; "
            f"received {line[:80]!r} ({error}). Delete the file to draw the report without it."
        ) from error


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value
