"""Draws a standing for a terminal of any size: never higher nor wider than there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from reports import Status
from search.display.figures import (
    best_text,
    budget_text,
    clock_text,
    counts_text,
    figure_text,
    reasons_text,
)
from search.display.standing import EndedTrial, RunningTrial, Standing

__all__ = ["draw", "full_line"]

_MOST_ENDED = 5
"""Ended trials shown where there is room."""

_NODES_NAMED = 3

_FIRST_COLUMN = 18  # signs: an InceptionResNetV2 fits

_STYLES = {Status.COMPLETED: "", Status.PRUNED: "dim", Status.FAILED: "red"}


def draw(standing: Standing, *, width: int, height: int | None = None) -> RenderableType:
    """Draws the standing.

    Args:
        standing: How the search stands.
        width: Signs a line may have.
        height: Lines it may take; None for as many as it needs.
    """
    head = _head(standing)
    room = None if height is None else max(0, height - len(head))
    running, hidden = _fit(standing, room)
    lines = [*head, *(_running_line(trial, width) for trial in running)]
    if hidden:
        lines.append(full_line(f"… and {len(hidden)} more running{_by_node(hidden)}", "dim"))
    left = _MOST_ENDED if height is None else height - len(lines)
    number = max(0, min(_MOST_ENDED, left, len(standing.ended)))
    newest = standing.ended[len(standing.ended) - number :]
    return Group(*[*lines, *(_ended_line(trial, width) for trial in newest)][:height])


def full_line(text: str, style: str = "") -> Text:
    """A line that is cut at the terminal's edge."""
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _head(standing: Standing) -> list[Text]:
    """The lines that are always there, the most important first."""
    used = "" if "time" in standing.budget else f" · {clock_text(standing.elapsed)} used"
    lines = [
        full_line(counts_text(standing), "bold"),
        full_line(f"best {best_text(standing.best)}{used}"),
    ]
    if limits := budget_text(standing.budget):
        lines.append(full_line(limits))
    for status, style in ((Status.PRUNED, "dim"), (Status.FAILED, "red")):
        if reasons := standing.reasons.get(status):
            lines.append(full_line(f"{status}: {reasons_text(reasons)}", style))
    return lines


def _fit(
    standing: Standing, room: int | None
) -> tuple[Sequence[RunningTrial], Sequence[RunningTrial]]:
    """The running trials that have a line of their own, and those that are only counted."""
    running = standing.running
    if room is None:
        return running, ()
    kept_for_ended = min(_MOST_ENDED, len(standing.ended), room // 3)
    lines = room - kept_for_ended
    if len(running) <= lines:
        return running, ()
    shown = max(0, lines - 1)  # one line counts the rest
    return running[:shown], running[shown:]


def _by_node(trials: Iterable[RunningTrial]) -> str:
    """How many of them run on which node."""
    nodes = Counter(trial.where.partition("/")[0] for trial in trials if trial.where)
    if not nodes:
        return ""
    named = [f"{number} on {node}" for node, number in nodes.most_common(_NODES_NAMED)]
    rest = sum(nodes.values()) - sum(number for _, number in nodes.most_common(_NODES_NAMED))
    return f": {', '.join([*named, f'{rest} elsewhere'] if rest else named)}"


def _running_line(trial: RunningTrial, width: int) -> Text:
    note = f" ({trial.note})" if trial.note else ""
    again = f" attempt {trial.attempt}" if trial.attempt > 1 else ""
    epoch = "starting" if trial.allowed is None else f"epoch {trial.epoch}/{trial.allowed}"
    fixed = _fixed(trial.trial_id, trial.seconds, epoch, trial.val_accuracy)
    return _columns(fixed, f"{_short(trial.model)}{again}{note}", trial.where or "", width)


def _ended_line(trial: EndedTrial, width: int) -> Text:
    fixed = _fixed(trial.trial_id, trial.seconds, trial.status, trial.val_accuracy)
    line = _columns(fixed, _short(trial.model), trial.reason, width)
    line.stylize(_STYLES[trial.status])
    return line


def _short(model: str) -> str:
    """A backbone's name says more than that of the family it belongs to."""
    return model.rpartition("/")[2]


def _fixed(trial_id: str, seconds: float, state: str, accuracy: float | None) -> str:
    return f"{trial_id:<6} {clock_text(seconds):>7}  {state:<11} {figure_text(accuracy):<6}  "


def _columns(fixed: str, first: str, last: str, width: int) -> Text:
    """What must be read whole, then two texts that share the rest of the line.

    The last one gets what it needs, but for the half of the rest that is the first one's.
    """
    line = Text(fixed, no_wrap=True, overflow="ellipsis")
    rest = max(0, width - line.cell_len)
    first_text, last_text = Text(first), Text(last)
    wanted = max(first_text.cell_len, _FIRST_COLUMN)
    given = min(wanted, max(rest // 2, rest - 2 - last_text.cell_len)) if last else rest
    first_text.truncate(given, overflow="ellipsis", pad=bool(last))
    last_text.truncate(max(0, rest - given - 2), overflow="ellipsis")
    return line.append_text(first_text).append("  " if last else "").append_text(last_text)
