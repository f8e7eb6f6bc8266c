"""`neurosweep report`: draws the report of a run again, from what the run directory holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from search.runs.output import RUN_HELP, parse_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports import LeaderboardRow, Run

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write the report of a run"

_FILES = {"html": "report.html", "markdown": "report.md", "pdf": "report.pdf"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("run", type=parse_output, metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format", choices=tuple(_FILES), default="html", help="pdf needs Chromium or Chrome"
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="write each figure as SVG and its numbers as Parquet into DIR, too",
    )
    parser.add_argument(
        "--no-images", action="store_true", help="leave out all pictures; names of files stay"
    )


def run(options: argparse.Namespace) -> int:
    """Writes the report into the run directory, or its copy, and prints where."""
    import reports
    from search.runs.reading import REPORT, at_hand

    found = reports.read_run(at_hand(options.run, REPORT))
    rows = reports.build_leaderboard(found)
    path, images = found.path / _FILES[options.format], not options.no_images
    if options.format == "markdown":
        reports.write_markdown_report(found, rows, path)
    elif options.format == "pdf":
        reports.write_pdf_report(found, rows, path, images=images)
    else:
        reports.write_report(found, rows, path, images=images)
    print(path)
    if options.figures is not None:
        _write_figures(found, rows, options.figures, images=images)
    return 0


def _write_figures(
    found: Run, rows: Sequence[LeaderboardRow], folder: Path, *, images: bool
) -> None:
    import reports

    figures = reports.report_figures(found, rows, images=images)
    notes = (
        ("Synthetic data: computed phantoms, not patients.", found.synthetic),
        ("Partial: the search has not finished.", found.state != "finished"),
    )
    note = " ".join(text for text, holds in notes if holds)
    reports.write_figures(figures, folder, note=note)
    print(folder)
