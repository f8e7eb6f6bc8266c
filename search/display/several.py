"""Displays together, and which one fits where a person looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from rich.console import Console

from reports import TrialRecord
from reports.ranking import Ranking
from search.budgets.budget import Budget
from search.display.live import LiveDisplay
from search.display.plain import PlainDisplay
from search.display.protocol import Display, QuietDisplay
from trainables import EpochRecord

__all__ = ["SeveralDisplays", "display_for"]


class SeveralDisplays:
    """Tells each of several displays, such as the terminal, the run's log and its status."""

    def __init__(self, *displays: Display) -> None:
        """Tells them in this order."""
        self._displays = displays

    def stage(self, name: str, detail: str = "") -> None:
        """Tells all."""
        for display in self._displays:
            display.stage(name, detail)

    def note(self, text: str) -> None:
        """Tells all."""
        for display in self._displays:
            display.note(text)

    def searching(self) -> AbstractContextManager[object]:
        """Around all."""
        return self._all_searching()

    @contextmanager
    def _all_searching(self) -> Iterator[None]:
        with ExitStack() as stack:
            for display in self._displays:
                stack.enter_context(display.searching())
            yield

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        """Tells all."""
        for display in self._displays:
            display.resumed(records)

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Tells all."""
        for display in self._displays:
            display.started(trial_id, configuration, note)

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        """Tells all."""
        for display in self._displays:
            display.epoch(trial_id, epoch, allowed, where)

    def ended(self, record: TrialRecord) -> None:
        """Tells all."""
        for display in self._displays:
            display.ended(record)


def display_for(
    *,
    quiet: bool,
    budget: Budget,
    console: Console | None = None,
    ranking: Ranking | None = None,
) -> Display:
    """Returns the display that fits: quiet if asked, live in a terminal, else plain lines."""
    console = console or Console()
    if quiet:
        return QuietDisplay()
    if console.is_terminal:
        return LiveDisplay(console, budget, ranking=ranking)
    return PlainDisplay(console, budget, ranking=ranking)
