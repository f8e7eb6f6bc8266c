"""The leaderboard as a table in the terminal, and that table as a picture."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Column:
    """A column of the usual view; one with a width, or that may be folded, takes several lines."""

    title: str
    write: Callable[[LeaderboardRow], Text]
    right: bool = True
    width: int | None = None
    folded: bool = False

    def add_to(self, table: Table) -> None:
        """Put it behind the table's last column."""
        folded = self.folded or self.width is not None
        table.add_column(
            self.title,
            justify="right" if self.right else "left",
            overflow="fold",
            no_wrap=not folded,
            width=self.width,
        )


def _usual_table(rows: Sequence[LeaderboardRow]) -> Table:
    columns, table = _usual_columns(rows), _empty_table()
    for column in columns:
        column.add_to(table)
    for row in rows:
        cells = (column.write(row) for column in columns)
        table.add_row(*cells, style=_STYLE_OF_STATUS[row.status])
    return table


def _usual_columns(rows: Sequence[LeaderboardRow]) -> list[_Column]:
    several = any(isinstance(row, RowOfRun) for row in rows)
    tied = any(row.tie_group is not None for row in rows)
    # Long names are folded, so that the model's name keeps its place.
    run = min(max(len(run_name(row)) for row in rows), 12)
    trial = min(max(5, *(len(trial_name(row)) for row in rows)), 10)
    told = (
        (_Column("run", lambda row: Text(run_name(row)), right=False, width=run), several),
        (_Column("#", _rank), True),
        (_Column("tie", lambda row: Text(_number(row.tie_group))), tied),
        (_Column("trial", lambda row: Text(trial_name(row)), right=False, width=trial), True),
        (_Column("model", _model, right=False, folded=True), True),
        (_Column("val acc % [95 %]", lambda row: Text(_accuracy(row)), right=False), True),
        # Over all test images, and over those without a twin in training or validation.
        (_Column("test\nall", lambda row: Text(percent(row.test_accuracy))), True),
        (_Column("%\nclean", lambda row: Text(percent(row.test_accuracy_clean))), True),
        # 80 columns have no room for all of it: a name that is folded thrice is not read.
        (_Column("epochs", lambda row: Text(epochs(row))), not (several or tied)),
        (_Column("s", lambda row: Text(f"{row.seconds:.0f}")), not (several or tied)),
        (_Column("status", lambda row: Text(row.status), right=False), True),
    )
    return [column for column, is_shown in told if is_shown]


def _rank(row: LeaderboardRow) -> Text:
    return Text(_number(row.rank), style="bold" if row.rank == 1 else "")


def _number(value: int | None) -> str:
    return NONE if value is None else str(value)


def _model(row: LeaderboardRow) -> Text:
    name = Text(model(row))
    if marks(row):
        name.append(f" · {', '.join(marks(row))}", style="cyan")
    return name


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
