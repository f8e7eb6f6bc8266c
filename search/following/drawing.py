"""Draws how a run stands: what `neurosweep status` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from reports.wording import moment, printable
from search.display.figures import figure_text
from search.display.standing import RunningTrial
from search.display.view import draw, full_line
from search.following.run_status import GONE, RunStatus

__all__ = ["draw_status"]

_STYLES = {"running": "green", "finished": "green", "failed": "red", GONE: "red"}


def draw_status(status: RunStatus, *, width: int, height: int | None = None) -> RenderableType:
    """Draws how a run stands.

    Args:
        status: What to draw.
        width: Signs a line may have.
        height: Lines it may take; None for as many as it needs.
    """
    head = [
        full_line(f"{printable(status.place or str(status.path))}", "bold"),
        *_state_lines(status),
    ]
    if status.left_running:
        head.append(full_line(f"left running: {_named(status.left_running)}", "dim"))
    taken = sum(1 + line.cell_len // width for line in head if not line.no_wrap)
    taken += sum(1 for line in head if line.no_wrap)
    left = None if height is None else max(0, height - taken)
    return Group(*head, draw(status.standing, width=width, height=left))


def _state_lines(status: RunStatus) -> list[Text]:
    began = f", began {moment(status.began)}" if status.began else ""
    lines = [full_line(f"{status.state}{began}{_who(status)}", _STYLES.get(status.state, "yellow"))]
    if status.as_of:
        lines.append(full_line(f"as it was mirrored {moment(status.as_of)}", "dim"))
    if status.running and status.standing.stage:
        detail = f": {status.standing.detail}" if status.standing.detail else ""
        lines.append(full_line(f"stage {status.standing.stage}{printable(detail)}"))
    # What to do is not cut off: a command is copied from here.
    return [*lines, *(Text(text) for text in _what_next(status))]


def _who(status: RunStatus) -> str:
    return "" if status.holder is None else f", by {status.holder}"


def _what_next(status: RunStatus) -> list[str]:
    command = status.again or f"neurosweep search --resume --output {status.place or status.path}"
    again = f"`{command}` goes on"
    if status.stop_asked:
        return ["a stop was asked for: no trial begins any more, those that run end after an epoch"]
    if status.state == GONE:
        return [f"its driver ended without a word, killed most likely; {again}"]
    if status.state in ("interrupted", "failed"):
        return [f"{again}; search.log in the run directory says what happened"]
    return []


def _named(trials: Sequence[RunningTrial]) -> str:
    return ", ".join(
        f"{trial.trial_id} ({trial.model}, epoch {trial.epoch}, {figure_text(trial.val_accuracy)})"
        for trial in trials
    )
