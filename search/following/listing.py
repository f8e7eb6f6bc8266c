"""The runs below a folder, one row each, the newest first; a damaged one is a row, too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import reports
from neurosweep.errors import RunDirectoryError, UserError
from reports.records import parse_time
from search.following.run_status import GONE, RunStatus, read_status

__all__ = ["DAMAGED", "RunRow", "list_runs"]

DAMAGED = "damaged"
"""State of a run of which a file cannot be read."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run in the list.

    Attributes:
        name: The run directory's name.
        path: The run directory, absolute.
        began: ISO 8601 time; of a damaged run, when its run.yaml last changed.
        state: As `neurosweep status` has it; a run whose driver is gone is interrupted.
        trials: Trials of the search that ended; `asked` how many were asked for, if a number was.
        val_accuracy: Of the first row of the leaderboard; `test_accuracy` on all test images.
        data: Folder of the images; None where they were computed.
        size: Bytes of all its files.
        problem: What is wrong with a damaged run.
    """

    name: str
    path: str
    began: str
    state: str
    trials: int | None = None
    asked: int | None = None
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    data: str | None = None
    size: int
    problem: str | None = None


def list_runs(folder: Path) -> list[RunRow]:
    """Lists the runs that stand directly below a folder.

    Raises:
        UserError: There is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"runs are listed from the folder that holds them; there is no folder {folder}: name "
            "another one, or start a search with `neurosweep search`"
        )
    paths = [path.parent for path in folder.absolute().glob("*/run.yaml")]
    return sorted(map(_row, paths), key=lambda row: parse_time(row.began), reverse=True)


def _row(path: Path) -> RunRow:
    try:
        status = read_status(path)
        run = reports.read_run(path)
        parse_time(status.began)
        rows = reports.build_leaderboard(run, compare=False)
    except RunDirectoryError as error:
        return _damaged(path, str(error))
    first = rows[0] if rows and rows[0].rank == 1 else None
    return RunRow(
        name=path.name,
        path=str(path),
        began=status.began,
        state=_state(status),
        trials=status.standing.total,
        asked=_asked(status),
        val_accuracy=None if first is None else first.val_accuracy,
        test_accuracy=None if first is None else first.test_accuracy,
        data=_data(run.info),
        size=_size(path),
    )


def _damaged(path: Path, problem: str) -> RunRow:
    try:
        changed = (path / "run.yaml").stat().st_mtime
    except OSError:
        changed = 0.0
    began = datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds")
    return RunRow(
        name=path.name,
        path=str(path),
        began=began,
        state=DAMAGED,
        size=_size(path),
        problem=problem,
    )


def _state(status: RunStatus) -> str:
    return "interrupted" if status.state == GONE else status.state


def _asked(status: RunStatus) -> int | None:
    amount = status.standing.budget.get("trials")
    return None if amount is None else int(amount.asked)


def _data(info: dict[str, Any]) -> str | None:
    try:
        path = info["experiment"]["data"]["path"]
    except (KeyError, TypeError):
        return None
    return None if path is None else str(path)


def _size(path: Path) -> int:
    """Bytes of the regular files below a folder; what vanishes meanwhile is not counted."""
    total = 0
    for folder, _, names in os.walk(path):
        total += sum(_bytes(Path(folder, name)) for name in names)
    return total


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
