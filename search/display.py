"""What a person sees while a search runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from reports import Status, TrialRecord
from search.budget import Budget
from trainables import EpochRecord

__all__ = ["BothDisplays", "Display", "LiveDisplay", "PlainDisplay", "QuietDisplay", "display_for"]


class Display(Protocol):
    """Is told every change of a search; shows it or not."""

    def stage(self, name: str, detail: str = "") -> None:
        """A stage begins."""

    def note(self, text: str) -> None:
        """Something a person should know about the stage."""

    def searching(self) -> AbstractContextManager[object]:
        """Around the search stage."""

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """A trial was handed out."""

    def epoch(self, trial_id: str, epoch: EpochRecord, allowed: int) -> None:
        """A trial finished an epoch; `allowed` is the most it may have."""

    def ended(self, record: TrialRecord) -> None:
        """A trial ended."""


class QuietDisplay:
    """Shows nothing."""

    def stage(self, name: str, detail: str = "") -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Shows nothing."""

    def searching(self) -> AbstractContextManager[object]:
        """Shows nothing."""
        return nullcontext()

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Shows nothing."""

    def epoch(self, trial_id: str, epoch: EpochRecord, allowed: int) -> None:
        """Shows nothing."""

    def ended(self, record: TrialRecord) -> None:
        """Shows nothing."""


class PlainDisplay:
    """One line per stage and per ended trial, for logs and pipes."""

    def __init__(self, console: Console, budget: Budget) -> None:
        self._print: Callable[[str], None] = lambda line: console.print(
            line, markup=False, highlight=False, soft_wrap=True
        )
        self._budget = budget
        self._ended = 0
        self._best: TrialRecord | None = None

    def stage(self, name: str, detail: str = "") -> None:
        """Prints the stage with the time since the start."""
        self._print(f"[{_clock(self._budget.elapsed)}] {name}{': ' if detail else ''}{detail}")

    def note(self, text: str) -> None:
        """Prints the text below its stage."""
        self._print(f"        {text}")

    def searching(self) -> AbstractContextManager[object]:
        """Nothing is held open."""
        return nullcontext()

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Nothing: the line comes when the trial ends."""

    def epoch(self, trial_id: str, epoch: EpochRecord, allowed: int) -> None:
        """Nothing: the line comes when the trial ends."""

    def ended(self, record: TrialRecord) -> None:
        """Prints how the trial ended and the best so far."""
        self._ended += 1
        self._best = _better(self._best, record)
        of = "" if self._budget.trials is None else f"/{self._budget.trials}"
        self._print(
            f"[{_clock(self._budget.elapsed)}] {self._ended}{of} {record.trial_id} "
            f"{_model(record)} {record.status} ({record.stop_reason}) "
            f"val_accuracy {_figure(record.val_accuracy)} after {record.epochs} epochs, "
            f"{record.seconds:.1f} s; best {_best(self._best)}"
        )


class BothDisplays:
    """Tells two displays, such as the terminal and the run's log."""

    def __init__(self, shown: Display, logged: Display) -> None:
        self._shown = shown
        self._both = (shown, logged)

    def stage(self, name: str, detail: str = "") -> None:
        """Tells both."""
        for display in self._both:
            display.stage(name, detail)

    def note(self, text: str) -> None:
        """Tells both."""
        for display in self._both:
            display.note(text)

    def searching(self) -> AbstractContextManager[object]:
        """What is shown is what is held open."""
        return self._shown.searching()

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Tells both."""
        for display in self._both:
            display.started(trial_id, configuration, note)

    def epoch(self, trial_id: str, epoch: EpochRecord, allowed: int) -> None:
        """Tells both."""
        for display in self._both:
            display.epoch(trial_id, epoch, allowed)

    def ended(self, record: TrialRecord) -> None:
        """Tells both."""
        for display in self._both:
            display.ended(record)


class LiveDisplay:
    """A table of running trials, counts, the best so far and the budget, redrawn in place."""

    _ROWS = 12  # running trials shown; the rest is counted

    def __init__(self, console: Console, budget: Budget) -> None:
        self._console = console
        self._budget = budget
        self._running: dict[str, tuple[str, str, float]] = {}
        self._ended: list[TrialRecord] = []
        self._counts = dict.fromkeys(Status, 0)
        self._best: TrialRecord | None = None

    def stage(self, name: str, detail: str = "") -> None:
        """Prints the stage above the table."""
        line = Text(f"{_clock(self._budget.elapsed)}  {name}  ", "bold")
        self._console.print(line.append(detail, "not bold"))

    def note(self, text: str) -> None:
        """Prints the text below its stage."""
        self._console.print(Text(f"       {text}"))

    def searching(self) -> AbstractContextManager[object]:
        """Keeps the table on the screen."""
        return Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=2,
            transient=True,
        )

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        """Adds a row."""
        name = str(configuration.get("transfer/backbone", configuration["family"]))
        self._running[trial_id] = (f"{name}  {note}".strip(), "starting", time.monotonic())

    def epoch(self, trial_id: str, epoch: EpochRecord, allowed: int) -> None:
        """Updates the trial's row."""
        name, _, began = self._running[trial_id]
        text = f"epoch {epoch['epoch']}/{allowed}  val_accuracy {epoch['val_accuracy']:.4f}"
        self._running[trial_id] = (name, text, began)

    def ended(self, record: TrialRecord) -> None:
        """Moves the trial to the counts and the last few ended."""
        self._running.pop(record.trial_id, None)
        self._counts[record.status] += 1
        self._best = _better(self._best, record)
        self._ended = [*self._ended[-4:], record]

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for trial_id, (name, text, began) in list(self._running.items())[: self._ROWS]:
            table.add_row(trial_id, name, text, _clock(time.monotonic() - began))
        for record in self._ended:
            outcome = f"{record.status} ({record.stop_reason})  {_figure(record.val_accuracy)}"
            row = (record.trial_id, _model(record), outcome, _clock(record.seconds))
            table.add_row(*row, style="dim")
        hidden = len(self._running) - self._ROWS
        lines: list[RenderableType] = [Text(self._summary()), table]
        if hidden > 0:
            lines.append(Text(f"… and {hidden} more running", "dim"))
        return Group(*lines)

    def _summary(self) -> str:
        counts = ", ".join(f"{self._counts[status]} {status}" for status in Status)
        left = self._budget.search_seconds_left()
        time_left = "" if left is None else f" · {_clock(left)} left to search"
        of = "" if self._budget.trials is None else f" of {self._budget.trials}"
        return (
            f"{sum(self._counts.values())}{of} trials: {counts}, {len(self._running)} running\n"
            f"best {_best(self._best)} · {_clock(self._budget.elapsed)} used{time_left}"
        )


def display_for(*, quiet: bool, budget: Budget, console: Console | None = None) -> Display:
    """Returns the display that fits: quiet if asked, live in a terminal, else plain lines."""
    console = console or Console()
    if quiet:
        return QuietDisplay()
    return LiveDisplay(console, budget) if console.is_terminal else PlainDisplay(console, budget)


def _better(best: TrialRecord | None, record: TrialRecord) -> TrialRecord | None:
    if record.status != Status.COMPLETED or record.val_accuracy is None:
        return best
    if best is None or best.val_accuracy is None or record.val_accuracy > best.val_accuracy:
        return record
    return best


def _best(best: TrialRecord | None) -> str:
    if best is None:
        return "none yet"
    return f"{_figure(best.val_accuracy)} ({best.trial_id}, {_model(best)})"


def _model(record: TrialRecord) -> str:
    return record.family if record.backbone is None else f"{record.family}/{record.backbone}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
