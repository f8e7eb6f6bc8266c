"""`neurosweep report`: draws the report of a run again, from what the run directory holds."""

from __future__ import annotations

import argparse

from search.runs.output import RUN_HELP, parse_output

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write the report of a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("run", type=parse_output, metavar="RUN", help=RUN_HELP)
    parser.add_argument("--format", choices=("html", "markdown"), default="html")
    parser.add_argument(
        "--no-images", action="store_true", help="leave out all pictures; names of files stay"
    )


def run(options: argparse.Namespace) -> int:
    """Writes report.html or report.md into the run directory, or its copy, and prints where."""
    import reports
    from search.runs.reading import REPORT, at_hand

    found = reports.read_run(at_hand(options.run, REPORT))
    rows = reports.build_leaderboard(found)
    if options.format == "markdown":
        path = found.path / "report.md"
        reports.write_markdown_report(found, rows, path)
    else:
        path = found.path / "report.html"
        reports.write_report(found, rows, path, images=not options.no_images)
    print(path)
    return 0
