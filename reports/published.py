"""What the folder winner/ holds: the row of rank 1, or another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reports.leaderboard import LeaderboardRow
from reports.ranking import Ranking
from reports.records import Stage, TrialRecord
from reports.run import Run
from reports.wording import printable

__all__ = ["Standing", "published_note", "published_row", "standing_of"]

_Row = TypeVar("_Row", bound=TrialRecord)


@dataclass(frozen=True)
class Standing:
    """Whose figures a report shows as the winner's.

    Attributes:
        shown: The row that winner/ holds; rank 1 where no row of the leaderboard is in it.
        first: The row of rank 1.
        note: Whose network winner/ holds; empty where it is that of rank 1.
    """

    shown: LeaderboardRow
    first: LeaderboardRow
    note: str

    @property
    def is_first(self) -> bool:
        """Whether the row that is shown is rank 1."""
        return self.shown is self.first

    @property
    def name(self) -> str:
        """What to call the row that is shown: the winner where winner/ holds rank 1."""
        if not self.is_first:
            return f"trial {printable(self.shown.trial_id)}"
        return "rank 1" if self.note else "the winner"


def standing_of(run: Run, rows: Sequence[LeaderboardRow]) -> Standing | None:
    """Find the row to show as the winner; None before a trial completed.

    Raises:
        RunDirectoryError: winner/architecture.json is damaged.
    """
    first = next((row for row in rows if row.rank == 1), None)
    if first is None:
        return None
    return Standing(published_row(run, rows) or first, first, published_note(run, rows, first))


def published_row(run: Run, rows: Sequence[_Row]) -> _Row | None:
    """Find the row whose network winner/ holds.

    Where winner/ does not say, as in runs of early versions, it is what a search publishes.

    Args:
        run: The run.
        rows: Its leaderboard, ranked rows first.

    Returns:
        None where winner/ holds the network of a trial that is no row, where nothing is published
        yet, and where nothing is ranked.

    Raises:
        RunDirectoryError: winner/architecture.json is damaged.
    """
    held = _held(run)
    if held is not None:
        return next((row for row in rows if row.trial_id == held), None)
    return _to_publish(run, rows) if _has_published(run) else None


def published_note(run: Run, rows: Sequence[TrialRecord], winner: TrialRecord) -> str:
    """Say whose network winner/ holds; empty where it is that of rank 1.

    Args:
        run: The run.
        rows: The leaderboard, ranked rows first.
        winner: The row of rank 1.

    Raises:
        RunDirectoryError: winner/architecture.json is damaged.
    """
    due, held = _to_publish(run, rows), _held(run)
    if held is None and not _has_published(run):
        return _not_yet(due, winner)
    held = held or (due.trial_id if due else winner.trial_id)
    if held == winner.trial_id:
        return ""
    if due is not None and due.trial_id == held:
        return (
            f"The folder winner/ holds trial {printable(held)}, the best single network, and not "
            f"rank 1, the ensemble {printable(winner.trial_id)}; with final.ensemble: true it "
            "would hold that."
        )
    return (
        f"The folder winner/ holds trial {printable(held)} and not rank 1, trial "
        f"{printable(winner.trial_id)}: it was written before that one ended, or belongs to "
        "another run."
    )


def _not_yet(due: TrialRecord | None, winner: TrialRecord) -> str:
    if due is None or due.trial_id == winner.trial_id:
        return ""
    return (
        f"Nothing is in winner/ yet: it will hold trial {printable(due.trial_id)}, the best single "
        f"network, and not rank 1, the ensemble {printable(winner.trial_id)}."
    )


def _has_published(run: Run) -> bool:
    """Whether the search came to its last stage: it may have been interrupted before."""
    return run.state == "finished" or "publish" in (run.info.get("stages") or {})


def _held(run: Run) -> str | None:
    return run.network.trial_id if run.network else None


def _to_publish(run: Run, rows: Sequence[_Row]) -> _Row | None:
    """The first in rank, an ensemble only where the experiment allows it."""
    ranking, may_be_ensemble = Ranking.of(run.info), _may_be_published(run.info)
    ranked = filter(ranking.takes_part, rows)
    return next((row for row in ranked if may_be_ensemble or row.stage is not Stage.ENSEMBLE), None)


def _may_be_published(info: Mapping[str, Any]) -> bool:
    told: Any = info
    for key in ("experiment", "final", "ensemble"):
        told = told.get(key) if isinstance(told, Mapping) else None
    return told is True
