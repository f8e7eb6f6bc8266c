"""What the page's templates on the model are given: its section, the papers' tables, its card."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.figures.palette import Look
from reports.leaderboard import LeaderboardRow
from reports.model_card import model_card
from reports.model_section import model_section
from reports.paper_tables import paper_tables
from reports.run import Run

__all__ = ["MOST_LAYERS_LISTED", "model_parts"]

MOST_LAYERS_LISTED = 600
"""The page lists this many layers; all are in winner/architecture.json."""


def model_parts(
    run: Run, rows: Sequence[LeaderboardRow], looks: Mapping[str, Look]
) -> dict[str, Any]:
    """Gather them for a run in any state.

    Raises:
        RunDirectoryError: A file of the run that one of them needs is damaged.
    """
    return {
        "model_part": model_section(run, rows, looks),
        "paper_tables": paper_tables(run, rows),
        "model_card": model_card(run, rows),
        "MOST_LAYERS_LISTED": MOST_LAYERS_LISTED,
    }
