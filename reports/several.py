"""The leaderboards of several runs in one list, each row with its run's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from reports.leaderboard import LeaderboardRow, build_leaderboard
from reports.ranking import Ranking
from reports.run import Run
from reports.uncertainty import run_notes
from reports.wording import printable

__all__ = ["RowOfRun", "SideBySide", "run_name", "side_by_side"]

_APART = (
    "The runs have other images or another split, so that their accuracies do not compare: rows "
    "stand run by run. Each has the rank and the tie group that it has in its own run."
)
_TOGETHER = (
    "The runs have the same images and split: ranked rows are ordered by validation accuracy. Each "
    "has the rank and the tie group that it has in its own run; `neurosweep compare` tests winners."
)
_TESTED = (
    "Several runs show test figures. Whoever chooses between runs by them has used the test set "
    "for choosing: the figures of the chosen one are too good from then on."
)


@dataclass(frozen=True, kw_only=True)
class RowOfRun(LeaderboardRow):
    """A row beside rows of other runs; its rank and tie group are those of its own run.

    Attributes:
        run: The run's name, which no other of the list has.
    """

    run: str


@dataclass(frozen=True)
class SideBySide:
    """Rows of several runs.

    Attributes:
        rows: In order.
        notes: What must be said of the list and of each run.
    """

    rows: tuple[RowOfRun, ...]
    notes: tuple[str, ...]


def side_by_side(runs: Mapping[str, Run]) -> SideBySide:
    """Put the leaderboards of several runs into one list.

    Where all runs that have rows had the same images in the same parts, ranked rows stand in one
    order: by validation accuracy, then by validation loss. Else rows stand run by run.

    Args:
        runs: By the name that their rows are to have, in the order to show them.
    """
    boards = {name: build_leaderboard(run) for name, run in runs.items()}
    rows = [_of_run(row, name) for name, board in boards.items() for row in board]
    measured = [runs[name] for name, board in boards.items() if board]
    together = all(_same_images(measured[0], run) for run in measured[1:])
    if together:
        key = Ranking().key
        rows.sort(key=lambda row: (0, *key(row)) if row.rank is not None else (1, inf, inf, ""))
    order = (_TOGETHER if together else _APART,) if len(measured) > 1 else ()
    tested = sum(run.evaluation is not None for run in measured) > 1
    told = [
        f"{name}: {note}" for name, run in runs.items() for note in run_notes(run, boards[name])
    ]
    return SideBySide(tuple(rows), (*order, *([_TESTED] if tested else []), *told))


def run_name(row: LeaderboardRow) -> str:
    """Name a row's run; empty for a row that stands beside none of another run."""
    return printable(row.run) if isinstance(row, RowOfRun) else ""


def _of_run(row: LeaderboardRow, name: str) -> RowOfRun:
    known: dict[str, Any] = {one.name: getattr(row, one.name) for one in fields(LeaderboardRow)}
    return RowOfRun(**known, run=name)


def _same_images(one: Run, other: Run) -> bool:
    """Whether two runs trained, validated and tested on the same images."""
    parts = _parts(one)
    return (
        parts is not None
        and one.fingerprint == other.fingerprint is not None
        and parts == _parts(other)
    )


def _parts(run: Run) -> Sequence[object] | None:
    if run.split is None:
        return None
    columns = (run.split.column(name).to_pylist() for name in ("file", "label", "part"))
    return sorted(zip(*columns, strict=True))
