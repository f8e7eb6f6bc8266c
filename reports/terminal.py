"""The leaderboard as a table in the terminal, and that table as a picture."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.columns import cell
from reports.leaderboard import LeaderboardRow
from reports.records import Status
from reports.several import RowOfRun, run_name
from reports.wording import (
    NONE,
    epochs,
    interval,
    marks,
    model,
    notes,
    percent,
    printable,
    spent_in_all,
    trial_name,
)

__all__ = ["draw_leaderboard_svg", "leaderboard_table"]

_STYLE_OF_STATUS = {Status.COMPLETED: "", Status.PRUNED: "dim", Status.FAILED: "red"}
_FONT_FROM_ELSEWHERE = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_NO_ROW = "No row to show: no trial has finished yet, or the filters left none."


def leaderboard_table(
    rows: Sequence[LeaderboardRow],
    columns: Sequence[str] | None = None,
    *,
    told: Sequence[str] = (),
) -> RenderableType:
    """Build what rich prints: the table, then the warnings that belong to its rows.

    Args:
        rows: In the order to show them.
        columns: Resolved column names; None for the usual view, made for 80 columns.
        told: What must be said of the whole run, whichever rows are shown.
    """
    if not rows:
        return Group(Text(_NO_ROW), *_said(told))
    table = _usual_table(rows) if columns is None else _table_of(rows, columns)
    said = [*_said(notes(rows)), *_said(told)]
    if in_all := spent_in_all(rows):
        said.insert(0, Text(in_all))
    return Group(table, *([Text()] if said else []), *said)


def _said(sentences: Sequence[str]) -> list[Text]:
    return [Text(printable(sentence), style="yellow") for sentence in sentences]


def draw_leaderboard_svg(
    rows: Sequence[LeaderboardRow], path: Path, *, top: int = 10, title: str = "neurosweep"
) -> None:
    """Draw the first rows as an SVG picture of the terminal; it fetches no font."""
    console = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
    console.print(leaderboard_table(list(rows)[:top]))
    # A fixed id keeps the file the same from one drawing of the same rows to the next.
    picture = console.export_svg(title=title, unique_id="leaderboard")
    path.write_text(_FONT_FROM_ELSEWHERE.sub("", picture), encoding="utf-8")


def _usual_table(rows: Sequence[LeaderboardRow]) -> Table:
    several = any(isinstance(row, RowOfRun) for row in rows)
    tied = any(row.tie_group is not None for row in rows)
    table = _empty_table()
    if several:
        table.add_column("run", overflow="fold", width=min(max(len(run_name(r)) for r in rows), 12))
    table.add_column("#", justify="right", no_wrap=True)
    if tied:
        table.add_column("tie", justify="right", no_wrap=True)
    # A long id is folded, so that the model's name keeps its place.
    longest = max(len(trial_name(row)) for row in rows)
    table.add_column("trial", overflow="fold", width=min(max(longest, 5), 10))
    table.add_column("model", overflow="fold")
    table.add_column("val acc % [95 %]", no_wrap=True)
    # Over all test images, and over those without a twin in training or validation.
    table.add_column("test\nall", justify="right", no_wrap=True)
    table.add_column("%\nclean", justify="right", no_wrap=True)
    # 80 columns have no room for all of it: a name that is folded thrice is not read.
    if not several:
        table.add_column("epochs", justify="right", no_wrap=True)
    if not (several or tied):
        table.add_column("s", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for row in rows:
        cells = _usual_cells(row, several=several, tied=tied)
        table.add_row(*cells, style=_STYLE_OF_STATUS[row.status])
    return table


def _usual_cells(row: LeaderboardRow, *, several: bool, tied: bool) -> tuple[Text, ...]:
    name = Text(model(row))
    if marks(row):
        name.append(f" · {', '.join(marks(row))}", style="cyan")
    tie = NONE if row.tie_group is None else str(row.tie_group)
    return (
        *([Text(run_name(row))] if several else []),
        Text(NONE if row.rank is None else str(row.rank), style="bold" if row.rank == 1 else ""),
        *([Text(tie)] if tied else []),
        Text(trial_name(row)),
        name,
        Text(_accuracy(row)),
        Text(percent(row.test_accuracy)),
        Text(percent(row.test_accuracy_clean)),
        *([] if several else [Text(epochs(row))]),
        *([] if several or tied else [Text(f"{row.seconds:.0f}")]),
        Text(row.status),
    )


def _accuracy(row: LeaderboardRow) -> str:
    if row.val_accuracy_low is None:
        return percent(row.val_accuracy)
    bounds = interval(row.val_accuracy_low, row.val_accuracy_high)
    return f"{percent(row.val_accuracy)} [{bounds}]"


def _table_of(rows: Sequence[LeaderboardRow], columns: Sequence[str]) -> Table:
    table = _empty_table()
    for column in columns:
        numbers = all(isinstance(cell(row, column), int | float | None) for row in rows)
        table.add_column(Text(column), overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        texts = (Text(_plain(cell(row, column))) for column in columns)
        table.add_row(*texts, style=_STYLE_OF_STATUS[row.status])
    return table


def _plain(value: object) -> str:
    if value is None:
        return NONE
    return f"{value:.5g}" if isinstance(value, float) else printable(str(value))


def _empty_table() -> Table:
    return Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
