"""Lines for logs and pipes: one per stage and per ended trial, and a sign of life in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from rich.console import Console

from reports import TrialRecord
from reports.ranking import Ranking
from search.budgets.budget import Budget
from search.display.figures import best_text, clock_text, figure_text
from search.display.standing import EndedTrial, RunningTrial
from search.display.tally import Tally
from search.display.ticking import ticking

__all__ = ["PlainDisplay"]

_SILENCE = 60.0
"""Seconds without a line after which one says what runs."""

_NAMED = 4  # running trials that a sign of life names; the rest is counted


class PlainDisplay(Tally):
    """One line per stage and per ended trial; in a long silence one on what runs."""

    def __init__(
        self,
        console: Console,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
        ranking: Ranking | None = None,
    ) -> None:
        """Prints on `console`; the rest is as for `Tally`."""
        super().__init__(budget, clock, ranking)
        self._console = console
        self._last_line = clock()

    def stage(self, name: str, detail: str = "") -> None:
        """Prints the stage with the time since the start."""
        super().stage(name, detail)
        self._print(f"{self._now()} {name}{': ' if detail else ''}{detail}")

    def note(self, text: str) -> None:
        """Prints the text below its stage."""
        self._print(f"        {text}")

    def searching(self) -> AbstractContextManager[object]:
        """Breaks a long silence while trials run."""
        return ticking(self.break_silence, seconds=5.0)

    def ended(self, record: TrialRecord) -> None:
        """Prints how the trial ended and the best so far."""
        super().ended(record)
        number, best = self.so_far()
        of = "" if self._budget.trials is None else f"/{self._budget.trials}"
        trial = EndedTrial.of(record)
        self._print(
            f"{self._now()} {number}{of} {trial.trial_id} {trial.model} {trial.status} "
            f"({_why(record, trial)}) val_accuracy {figure_text(trial.val_accuracy)} after "
            f"{trial.epochs} epochs, {trial.seconds:.1f} s; best {best_text(best)}"
        )

    def break_silence(self) -> None:
        """Prints what runs, if nothing was printed for a minute."""
        if self._clock() - self._last_line < _SILENCE:
            return
        running = self.standing().running
        if running:
            named = "; ".join(map(_progress, running[:_NAMED]))
            more = f"; and {len(running) - _NAMED} more" if len(running) > _NAMED else ""
            self._print(f"{self._now()} {len(running)} running: {named}{more}")

    def _now(self) -> str:
        return f"[{clock_text(self._budget.elapsed)}]"

    def _print(self, line: str) -> None:
        self._last_line = self._clock()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _why(record: TrialRecord, trial: EndedTrial) -> str:
    """The reason's name, and the reason in words where they say more."""
    name = record.stop_reason or "not said"
    if not trial.reason or trial.reason.startswith(name):
        return trial.reason or name
    return f"{name}: {trial.reason}"


def _progress(trial: RunningTrial) -> str:
    where = "" if trial.where is None else f" on {trial.where}"
    if trial.allowed is None:
        return f"{trial.trial_id} {trial.model} starting{where}"
    return (
        f"{trial.trial_id} {trial.model} epoch {trial.epoch}/{trial.allowed} "
        f"{figure_text(trial.val_accuracy)}{where}"
    )
