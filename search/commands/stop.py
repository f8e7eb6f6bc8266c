"""`neurosweep stop`: ends a search as at the end of its budget."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from neurosweep.errors import NeurosweepError, RunDirectoryError, UserError
from search.commands.run_or_cluster import ClusterFile, add_choice, refuse_choice, run_or_cluster
from search.runs.output import local_run

if TYPE_CHECKING:
    from search.following.run_status import RunStatus

__all__ = ["SUMMARY", "add_arguments", "ask_to_stop", "run"]

SUMMARY = "end a search in order, as at the end of its budget"

_AFTER_THE_SEARCH = ("fine_tune", "cross_validate", "evaluate", "publish")

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
    limit = None if options.wait is None else _limit(options.wait)
    print(ask_to_stop(options.run), flush=True)
    if limit is None:
        print(f"follow it with `neurosweep status {options.run} --watch`")
    else:
        _wait(options.run, limit)
    return 0


def ask_to_stop(path: Path) -> str:
    """Asks the driver of a run to end its search; returns what will happen.

    Raises:
        RunDirectoryError: It is no run, or nothing runs there.
    """
    from search.following.run_status import read_status

    status = read_status(path)
    if not status.running:
        raise RunDirectoryError(
            f"a search is stopped while it runs; that in {status.path} does not (its state: "
            f"{status.state}), and nothing was changed"
        )
    return _ask(status)


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


def _ask(status: RunStatus) -> str:
    """Asks, where there is still a search to end; returns what will happen."""
    from search.runs.stopping import StopRequest

    stage = status.standing.stage
    if stage in _AFTER_THE_SEARCH:
        return f"the search in {status.path} is over already; its stage {stage} goes on to the end"
    StopRequest(status.path).ask()
    return (
        f"asked {status.path} to stop: no trial begins any more, those that run now "
        f"({len(status.standing.running)}) end at their next epoch and keep their results, and "
        "the final stages follow"
    )


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
