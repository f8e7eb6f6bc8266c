"""`neurosweep leaderboard`: the ranked rows of one or more runs."""

from __future__ import annotations

import argparse

from search.runs.output import parse_output

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
    from search.runs.reading import ROWS, at_hand

    paths = [at_hand(run, ROWS) for run in options.runs]
    top = options.top
    if top is None and options.format == "table":
        top = _ROWS_OF_A_TABLE
    shown = reports.show_leaderboards(
        paths, sort=options.sort, top=top, family=options.family, where=options.where
    )
    columns = None if options.columns is None else options.columns.split(",")
    print(reports.render_rows(shown.rows, options.format, columns=columns), end="")
    if options.top is None and shown.left_out:
        everything = len(shown.rows) + shown.left_out
        print(
            f"{len(shown.rows)} of {everything:,} rows; --top {everything} shows all, and so does "
            "--format csv"
        )
    return 0
