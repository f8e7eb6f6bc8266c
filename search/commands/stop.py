"""`neurosweep stop`: ends a search as at the end of its budget."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from neurosweep.errors import NeurosweepError, UserError
from search.commands.run_or_cluster import ClusterFile, add_choice, refuse_choice, run_or_cluster
from search.runs.output import local_run

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "end a search in order, as at the end of its budget"

_BETWEEN_LOOKS = 0.5  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run",
        type=run_or_cluster(local_run),
        metavar="RUN|CLUSTER.yaml",
        help="the run directory, or the file of a cluster that a search was submitted to",
    )
    add_choice(parser)
    parser.add_argument(
        "--wait",
        metavar="10m",
        help="wait until the run has ended, final stages included, at most so long; without it "
        "the command returns at once",
    )


def run(options: argparse.Namespace) -> int:
    """Asks the driver to stop, says what will happen, and waits for it if told to."""
    if isinstance(options.run, ClusterFile):
        return _stop_there(options)
    refuse_choice(options)
    from search.following.asking import ask_to_stop

    limit = None if options.wait is None else _limit(options.wait)
    print(ask_to_stop(options.run), flush=True)
    if limit is None:
        print(f"follow it with `neurosweep status {options.run} --watch`")
    else:
        _wait(options.run, limit)
    return 0


def _stop_there(options: argparse.Namespace) -> int:
    """Asks the head of a cluster to; its answer comes at once."""
    from search.submission.head import Head

    if options.wait is not None:
        raise UserError(
            "--wait waits for a run on this machine; a cluster's search goes on without it: leave "
            f"it out, and look with `neurosweep status {options.run}`"
        )
    print(Head(options.run.path).ask("stop", output=options.output or "")["text"])
    print(f"follow it with `neurosweep status {options.run}`")
    return 0


def _wait(path: Path, limit: float) -> None:
    from search.following.run_status import read_status

    end = time.monotonic() + limit
    while (status := read_status(path)).running:
        if time.monotonic() > end:
            raise NeurosweepError(
                f"{path} still runs after {limit:g} seconds, now in its stage "
                f"{status.standing.stage}; it was asked to stop and will: wait on with "
                f"`neurosweep status {path} --watch`"
            )
        time.sleep(_BETWEEN_LOOKS)
    print(f"{path} is {status.state}")


def _limit(text: str) -> float:
    from search.experiment import seconds_of

    try:
        return seconds_of(text)
    except ValueError as error:
        raise UserError(f"--wait: {error}") from None
