"""`neurosweep fetch RUN DIR`: a whole run, copied into a folder here."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from search.runs.output import RunUri, parse_output

if TYPE_CHECKING:
    from search.runs.fetched_run import RunOrigin

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "copy a whole run into a folder here"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run", type=parse_output, metavar="RUN", help="s3://BUCKET/RUN, or a run directory"
    )
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="a new folder, or one to go on with"
    )


def run(options: argparse.Namespace) -> int:
    """Copies what is not there yet, and prints the folder."""
    from search.runs.fetched_run import fetch_run

    fetch_run(_origin(options.run), options.folder, _say)
    print(options.folder)
    return 0


def _origin(run: Path | RunUri) -> RunOrigin:
    """Where the run is read from."""
    from search.mirror.store import Store
    from search.runs.fetched_run import FolderOrigin

    if isinstance(run, Path):
        return FolderOrigin(run)
    go_on = "give the same command again (what was copied is kept)"
    store = Store(run.text, what="a run", may="list and read", go_on=go_on)
    store.require()
    return store


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
