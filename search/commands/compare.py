"""`neurosweep compare`: whether the winners of two runs differ, on images that both runs had."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from search.runs.output import RUN_HELP, RunUri, names_of, parse_output

if TYPE_CHECKING:
    from reports import Run

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "compare the winners of two runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("first", type=parse_output, metavar="RUN", help=RUN_HELP)
    parser.add_argument("second", type=parse_output, metavar="RUN", help="the other")
    parser.add_argument(
        "--part",
        choices=("validation", "test"),
        default="validation",
        help="the images to compare on; test takes what was saved when the test sets were opened",
    )
    parser.add_argument("--format", choices=("table", "json", "markdown"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the comparison."""
    from reports.comparison import compare_winners
    from reports.comparison_text import render_comparison

    first_name, second_name = names_of([options.first, options.second])
    first, second = _with_predictions((options.first, options.second), options.part)
    found = compare_winners(first, second, options.part, (first_name, second_name))
    print(render_comparison(found, options.format), end="")
    return 0


def _with_predictions(given: tuple[Path | RunUri, Path | RunUri], part: str) -> Iterator[Run]:
    """The two runs, with what is compared of them on this machine."""
    import reports
    from reports.common_images import matched_by
    from reports.comparison import winner_of
    from search.runs.reading import ROWS, at_hand, with_rows

    runs = [with_rows(one) for one in given]
    more = ("manifest.parquet",) if matched_by(*runs) == "content" else ()
    for one, found in zip(given, runs, strict=True):
        predictions = f"trials/{winner_of(found).trial_id}/{part}.npy"
        yield reports.read_run(at_hand(one, (*ROWS, predictions, *more)))
