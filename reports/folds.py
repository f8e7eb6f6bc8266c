"""The finalists' folds beside their rows, ready to be laid out."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.cross_validation import CrossValidated, CrossValidation
from reports.leaderboard import LeaderboardRow

__all__ = ["FoldedRow", "fold_scale", "folded_rows"]


@dataclass(frozen=True)
class FoldedRow:
    """A row of the leaderboard and what its folds measured."""

    row: LeaderboardRow
    folds: CrossValidated


def folded_rows(
    found: CrossValidation | None, rows: Sequence[LeaderboardRow]
) -> tuple[FoldedRow, ...]:
    """Pair every cross-validated trial with its row, in the order of the leaderboard."""
    if found is None:
        return ()
    return tuple(
        FoldedRow(row, folds) for row in rows if (folds := found.of(row.trial_id)) is not None
    )


def fold_scale(folded: Sequence[FoldedRow]) -> float:
    """Where the common axis of all folds begins: at or below the lowest, in steps of 0.05."""
    accuracies = [accuracy for one in folded for accuracy in one.folds.accuracies]
    return min(int(min(accuracies, default=0.0) * 20) / 20, 0.95)
