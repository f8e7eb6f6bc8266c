"""What a display is told, and the one that shows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from reports import TrialRecord
from trainables import EpochRecord

__all__ = ["Display", "QuietDisplay"]


class Display(Protocol):
    """Is told every change of a search; shows it or not."""

    def stage(self, name: str, detail: str = "") -> None:
        """A stage begins."""

    def note(self, text: str) -> None:
        """Something a person should know about the stage."""

    def searching(self) -> AbstractContextManager[object]:
        """Around the search stage."""

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        """Trials that ended in earlier sittings of this run."""

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """A trial was handed out; again, if its first attempt was lost."""

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """A trial finished an epoch.

        Args:
            trial_id: The trial.
            epoch: Its figures.
            allowed: The most epochs it may have.
            where: The node and process that train it, where that is known.
        """

    def ended(self, record: TrialRecord) -> None:
        """A trial ended."""


class QuietDisplay:
    """Shows nothing; a display that cares for some changes only begins with it."""

    def stage(self, name: str, detail: str = "") -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Shows nothing."""

    def searching(self) -> AbstractContextManager[object]:
        """Shows nothing."""
        return nullcontext()

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        """Shows nothing."""

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Shows nothing."""

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """Shows nothing."""

    def ended(self, record: TrialRecord) -> None:
        """Shows nothing."""
