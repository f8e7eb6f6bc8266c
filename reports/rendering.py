"""The leaderboard as text: a table, CSV, JSON or Markdown."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from neurosweep.errors import UserError
from reports.columns import cell, column_names, fixed_columns, nearest, resolve_column
from reports.csv_text import csv_text_cell
from reports.json_text import printable_json
from reports.leaderboard import LeaderboardRow
from reports.several import RowOfRun, run_name
from reports.wording import (
    NONE,
    amount,
    count,
    epochs,
    interval,
    marks,
    model,
    notes,
    percent,
    printable,
    spent_in_all,
)

__all__ = ["FORMATS", "escape_markdown", "render_rows"]

_Columns = Sequence[str] | None


def render_rows(
    rows: Sequence[LeaderboardRow],
    format: str = "table",
    *,
    columns: Sequence[str] | None = None,
    known: Sequence[str] | None = None,
    width: int = 80,
    told: Sequence[str] = (),
) -> str:
    """Write rows as text that ends with a newline.

    Args:
        rows: In the order to show them.
        format: table, csv, json or markdown.
        columns: Column names; None for the usual view of a table or Markdown and for all columns
            of CSV and JSON.
        known: Names that `columns` may have, as where the rows are some of a leaderboard's; None
            for those of the rows.
        width: Characters on a line, for the table.
        told: What must be said of the whole run below a table or Markdown, whichever rows are
            shown; CSV and JSON hold rows alone.

    Raises:
        UserError: An unknown format or column.
    """
    if format not in FORMATS:
        raise UserError(
            f"--format takes {', '.join(FORMATS)}; received {format!r}{nearest(format, FORMATS)}"
        )
    known = column_names(rows) if known is None else known
    resolved = None if columns is None else [resolve_column(name, known) for name in columns]
    if format == "table":
        return _table(rows, resolved, width, told)
    written = _WRITERS[format](rows, resolved)
    if format != "markdown":
        return written
    return written + "".join(f"\n> {escape_markdown(sentence)}\n" for sentence in told)


def _table(
    rows: Sequence[LeaderboardRow], columns: _Columns, width: int, told: Sequence[str]
) -> str:
    from rich.console import Console

    from reports.terminal import leaderboard_table

    # Neither colours nor links: this text goes to files and pipes too.
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(leaderboard_table(rows, columns, told=told))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _csv(rows: Sequence[LeaderboardRow], columns: _Columns) -> str:
    columns = column_names(rows) if columns is None else columns
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(csv_text_cell, columns))
    for row in rows:
        writer.writerow([_csv_cell(cell(row, column)) for column in columns])
    return out.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, dict):
        return csv_text_cell(json.dumps(value, ensure_ascii=False))
    if isinstance(value, str):
        return csv_text_cell(value)
    return str(value).lower() if isinstance(value, bool) else value


def _json(rows: Sequence[LeaderboardRow], columns: _Columns) -> str:
    # Hyperparameters stand in an object of their own; a column for each would say it twice.
    names = fixed_columns(rows) if columns is None else columns
    content = [{name: cell(row, name) for name in names} for row in rows]
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return printable_json(text) + "\n"


def _markdown(rows: Sequence[LeaderboardRow], columns: _Columns) -> str:
    if columns is None:
        usual = _usual(rows)
        header, aligned = list(usual), [":--" if name == "model" else "--:" for name in usual]
        cells = [[write(row) for write in usual.values()] for row in rows]
    else:
        header, aligned = list(columns), [":--"] * len(columns)
        cells = [[_markdown_cell(cell(row, column)) for column in columns] for row in rows]
    lines = [header, aligned, *cells]
    table = "".join("| " + " | ".join(map(escape_markdown, line)) + " |\n" for line in lines)
    in_all = f"\n{escape_markdown(told)}\n" if (told := spent_in_all(rows)) else ""
    return table + in_all + "".join(f"\n> {escape_markdown(note)}\n" for note in notes(rows))


def _usual(rows: Sequence[LeaderboardRow]) -> Mapping[str, Callable[[LeaderboardRow], str]]:
    """The usual columns, and those that not every leaderboard has, where one of the rows does."""
    of_hours: Mapping[str, Callable[[LeaderboardRow], str]] = {
        "worker-hours": lambda row: amount(row.worker_hours),
        "GPU-hours": lambda row: amount(row.gpu_hours),
        "cost": lambda row: amount(row.cost),
    }
    told = {
        "worker-hours": any(row.worker_hours is not None for row in rows),
        "GPU-hours": any(row.gpu_hours for row in rows),
        "cost": any(row.cost is not None for row in rows),
    }
    first: dict[str, Callable[[LeaderboardRow], str]] = {}
    if any(isinstance(row, RowOfRun) for row in rows):
        first["run"] = run_name
    first["rank"] = _USUAL["rank"]
    if any(row.tie_group is not None for row in rows):
        first["tie group"] = lambda row: NONE if row.tie_group is None else str(row.tie_group)
    return {
        **first,
        **_USUAL,
        **{name: write for name, write in of_hours.items() if told[name]},
    }


def _markdown_cell(value: object) -> str:
    if value is None:
        return NONE
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def escape_markdown(text: str) -> str:
    """Escape what Markdown or HTML would read as markup."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + sign if sign in "\\|`*_[]" else sign for sign in text)


def _model(row: LeaderboardRow) -> str:
    return f"{model(row)} ({', '.join(marks(row))})" if marks(row) else model(row)


_USUAL: Mapping[str, Callable[[LeaderboardRow], str]] = {
    "rank": lambda row: NONE if row.rank is None else str(row.rank),
    "trial": lambda row: row.trial_id,
    "model": _model,
    "val acc %": lambda row: percent(row.val_accuracy),
    "95 % interval": lambda row: interval(row.val_accuracy_low, row.val_accuracy_high),
    "test acc % (all)": lambda row: percent(row.test_accuracy),
    "test acc % (clean)": lambda row: percent(row.test_accuracy_clean),
    "missed (all)": lambda row: count(row.missed_positives),
    "missed (clean)": lambda row: count(row.missed_positives_clean),
    "epochs": epochs,
    "seconds": lambda row: f"{row.seconds:.0f}",
    "status": lambda row: row.status,
}
_WRITERS: Mapping[str, Callable[[Sequence[LeaderboardRow], _Columns], str]] = {
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
}
FORMATS: tuple[str, ...] = ("table", *_WRITERS)
"""What `--format` takes."""
