"""Trials that are recorded on disk and not, or not wholly, in the study's journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import spaces

__all__ = ["RecordedTrial"]


@dataclass(frozen=True, kw_only=True)
class RecordedTrial:
    """A trial that ended, as the run directory has it.

    Attributes:
        number: The trial's number in the study, from 0.
        configuration: The flat mapping of active hyperparameters.
        origin: Who chose it.
        repeat_of: Number of the trial that it repeats, or None.
        read_scores: Reads what was reported to the study, by epoch from 1.
    """

    number: int
    configuration: Mapping[str, spaces.Value]
    origin: str
    read_scores: Callable[[], Mapping[int, float]]
    repeat_of: int | None = None
