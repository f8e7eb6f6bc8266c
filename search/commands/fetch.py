"""`neurosweep fetch RUN DIR`: a whole run, copied into a folder here."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from search.commands.run_or_cluster import ClusterFile, add_choice, refuse_choice, run_or_cluster
from search.runs.output import RunUri, parse_output

if TYPE_CHECKING:
    from search.runs.fetched_run import RunOrigin

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "copy a whole run into a folder here"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run",
        type=run_or_cluster(parse_output),
        metavar="RUN|CLUSTER.yaml",
        help="s3://BUCKET/RUN, a run directory, or the file of a cluster, whose head has the run",
    )
    add_choice(parser)
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="a new folder, or one to go on with"
    )


def run(options: argparse.Namespace) -> int:
    """Copies what is not there yet, and prints the folder."""
    from search.runs.fetched_run import fetch_run

    if isinstance(options.run, ClusterFile):
        _fetch_from_head(options)
    else:
        refuse_choice(options)
        fetch_run(_origin(options.run), options.folder, _say)
    print(options.folder)
    return 0


def _fetch_from_head(options: argparse.Namespace) -> None:
    """Copies the run of the cluster's newest search, by way of a folder beside the one wanted."""
    from search.runs.fetched_run import FolderOrigin, fetch_run
    from search.submission.head import Head

    head = Head(options.run.path)
    told = head.ask("latest", output=options.output or "")
    run = hashlib.sha256(told["run"].encode()).hexdigest()[:8]  # another run has another folder
    aside = options.folder.absolute().with_name(f".{options.folder.name}-{run}")
    aside.mkdir(parents=True, exist_ok=True)
    head.bring(told["run"], aside)
    fetch_run(FolderOrigin(aside), options.folder, _say)
    shutil.rmtree(aside)


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
