"""`neurosweep leaderboard`: the ranked rows of one or more runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.runs.output import parse_output

if TYPE_CHECKING:
    from reports import LeaderboardRow

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show the ranked trials of runs"


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
    parser.add_argument("--top", type=int, metavar="N", help="the first N rows only")
    parser.add_argument("--family", metavar="F", help="rows of one family only")
    parser.add_argument("--where", metavar="EXPR", help='such as "parameters < 5e6"')
    parser.add_argument("--columns", metavar="A,B", help="these columns only")
    parser.add_argument("--format", choices=("table", "csv", "json", "markdown"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the rows."""
    import reports
    from search.runs.output import names_of
    from search.runs.reading import with_rows

    found = dict(zip(names_of(options.runs), map(with_rows, options.runs), strict=True))
    if len(found) == 1:
        (alone,) = found.values()
        rows: Sequence[LeaderboardRow] = reports.build_leaderboard(alone)
        told = reports.run_notes(alone, rows)
    else:
        together = reports.side_by_side(found)
        rows, told = together.rows, together.notes
    chosen = reports.select_rows(
        rows, sort=options.sort, top=options.top, family=options.family, where=options.where
    )
    columns = None if options.columns is None else options.columns.split(",")
    print(reports.render_rows(chosen, options.format, columns=columns, told=told), end="")
    return 0
