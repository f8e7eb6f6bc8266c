"""`neurosweep rerun`: trains a row of a leaderboard again, without Ray."""

from __future__ import annotations

import argparse
from pathlib import Path

import reports
from search.quiet_start import load_tensorflow
from search.runs.output import parse_data, parse_output

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "train a row of a leaderboard again and compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run",
        type=parse_output,
        metavar="RUN|CONFIG.yaml",
        help="a run directory, s3://BUCKET/RUN, or a winner's config.yaml",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rank", type=int, metavar="N", help="the row of this rank (default 1)")
    which.add_argument("--trial", metavar="ID", help="the row of this trial")
    parser.add_argument(
        "--data",
        type=parse_data,
        metavar="DIR",
        help="the images, if they were moved: a folder, or s3://BUCKET/IMAGES",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write the trained model there")
    parser.add_argument(
        "--allow-other-data",
        action="store_true",
        help="train on images other than those recorded",
    )


def run(options: argparse.Namespace) -> int:
    """Trains the row and prints how its validation accuracy compares."""
    from search.runs.reading import RERUN, at_hand

    target = at_hand(options.run, RERUN)
    if not target.is_file():
        reports.read_run(target)  # what is no run is told before anything heavy is loaded
    load_tensorflow()
    from search.rerunning import rerun

    for line in rerun(
        target,
        rank=options.rank,
        trial=options.trial,
        data=options.data,
        output=options.output,
        allow_other_data=options.allow_other_data,
    ):
        print(line)
    return 0
