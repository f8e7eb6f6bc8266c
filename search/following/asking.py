"""Asks the driver of a run to end its search, as at the end of its budget."""

from __future__ import annotations

from pathlib import Path

from neurosweep.errors import RunDirectoryError
from search.following.run_status import RunStatus, read_status
from search.runs.stopping import StopRequest

__all__ = ["ask_to_stop"]

_AFTER_THE_SEARCH = (
    *("fine_tune", "repeat", "cross_validate", "ensemble", "evaluate", "explain", "publish"),
)


def ask_to_stop(path: Path) -> str:
    """Asks the driver of a run to end its search; returns what will happen.

    Raises:
        RunDirectoryError: It is no run, or nothing runs there.
    """
    status = read_status(path)
    if not status.running:
        raise RunDirectoryError(
            f"a search is stopped while it runs; that in {status.path} does not (its state: "
            f"{status.state}), and nothing was changed"
        )
    return _ask(status)


def _ask(status: RunStatus) -> str:
    """Asks, where there is still a search to end; returns what will happen."""
    stage = status.standing.stage
    if stage in _AFTER_THE_SEARCH:
        return f"the search in {status.path} is over already; its stage {stage} goes on to the end"
    StopRequest(status.path).ask()
    return (
        f"asked {status.path} to stop: no trial begins any more, those that run now "
        f"({len(status.standing.running)}) end at their next epoch and keep their results, and "
        "the final stages follow"
    )
