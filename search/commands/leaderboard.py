"""`neurosweep leaderboard`: the ranked rows of one or more runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.runs.output import RunUri, parse_output

if TYPE_CHECKING:
    from reports import Shown

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show the ranked trials of runs"


_ROWS_OF_A_TABLE = 100
"""More than that nobody reads in a terminal, and laying them out would take seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "runs",
        nargs="+",
        type=parse_output,
        metavar="RUN",
        help="run directories, or s3://BUCKET/RUN (gs:// too)",
    )
    parser.add_argument("--sort", metavar="COLUMN", help="sort by a column, best first")
    parser.add_argument("--top", type=int, metavar="N", help="the first N rows only (a table: 100)")
    parser.add_argument("--family", metavar="F", help="rows of one family only")
    parser.add_argument("--where", metavar="EXPR", help='such as "parameters < 5e6"')
    parser.add_argument("--columns", metavar="A,B", help="these columns only")
    parser.add_argument("--format", choices=("table", "csv", "json", "markdown"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the rows."""
    import reports

    top = options.top
    if top is None and options.format == "table":
        top = _ROWS_OF_A_TABLE
    choice = {"sort": options.sort, "top": top, "family": options.family, "where": options.where}
    alone = options.runs[0] if len(options.runs) == 1 else None
    shown = _of_several(options.runs, choice) if alone is None else _of_one(alone, choice)
    columns = None if options.columns is None else options.columns.split(",")
    text = reports.render_rows(
        shown.rows, options.format, columns=columns, known=shown.columns, told=shown.notes
    )
    print(text, end="")
    if options.top is None and shown.left_out:
        everything = len(shown.rows) + shown.left_out
        print(
            f"{len(shown.rows)} of {everything:,} rows; --top {everything} shows all, and so does "
            "--format csv"
        )
    return 0


def _of_one(run: Path | RunUri, choice: dict[str, Any]) -> Shown:
    import reports

    if isinstance(run, Path):
        return reports.show_leaderboard(run, **choice)
    from search.runs.reading import with_rows  # loads what only a store needs

    found = with_rows(run)
    rows = reports.build_leaderboard(found)
    return reports.show_rows(rows, reports.run_notes(found, rows), **choice)


def _of_several(runs: Sequence[Path | RunUri], choice: dict[str, Any]) -> Shown:
    import reports
    from search.runs.output import names_of
    from search.runs.reading import with_rows

    found = dict(zip(names_of(runs), map(with_rows, runs), strict=True))
    together = reports.side_by_side(found)
    return reports.show_rows(together.rows, together.notes, **choice)
