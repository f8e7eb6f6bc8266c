"""`neurosweep runs`: which runs there are, and how they stand."""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from reports.json_text import printable_json

if TYPE_CHECKING:
    from rich.text import Text

    from search.following.listing import RunRow

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = kinds.add_parser("list", help="show the runs below a folder, the newest first")
    listing.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="the folder that holds them; ./runs without it",
    )
    listing.add_argument("--format", choices=("table", "csv", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the rows."""
    from search.following.listing import list_runs

    rows = list_runs(options.folder)
    if options.format == "json":
        text = json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False)
        print(printable_json(text))
    elif options.format == "csv":
        print(_csv(rows), end="")
    elif rows:
        print(_table(rows))
    else:
        print(f"no run below {options.folder}")
    return 0


def _csv(rows: list[RunRow]) -> str:
    from dataclasses import fields

    from search.following.listing import RunRow

    text = io.StringIO()
    writer = csv.DictWriter(text, [one.name for one in fields(RunRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _table(rows: list[RunRow]) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("run", overflow="fold", ratio=3)
    table.add_column("began", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("trials", "val %", "test %", "size"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("data", overflow="fold", ratio=2)
    for row in rows:
        table.add_row(*_cells(row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _cells(row: RunRow) -> list[Text]:
    from rich.filesize import decimal
    from rich.text import Text

    from reports.records import parse_time
    from reports.wording import NONE, percent, printable

    asked = NONE if row.asked is None else str(row.asked)
    texts = (
        row.name,
        f"{parse_time(row.began).astimezone():%Y-%m-%d %H:%M}",
        row.state,
        NONE if row.trials is None else f"{row.trials}/{asked}",
        percent(row.val_accuracy),
        percent(row.test_accuracy),
        decimal(row.size),
        row.problem or row.data or "phantom",
    )
    return [Text(printable(text)) for text in texts]
