"""What the folder winner/ holds, where that is not the row of rank 1."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.architecture import read_architecture
from reports.records import Stage, TrialRecord
from reports.run import Run
from reports.wording import printable

__all__ = ["published_note"]


def published_note(run: Run, rows: Sequence[TrialRecord], winner: TrialRecord) -> str:
    """Say whose network winner/ holds; empty where it is that of rank 1.

    Args:
        run: The run.
        rows: The leaderboard, ranked rows first.
        winner: The row of rank 1.

    Raises:
        RunDirectoryError: winner/architecture.json is damaged.
    """
    network = read_architecture(run.path / "winner" / "architecture.json")
    held = network.trial_id if network else None
    if winner.stage is Stage.ENSEMBLE and not _may_be_published(run.info):
        first = next((row.trial_id for row in rows if row.stage is not Stage.ENSEMBLE), None)
        single = held or first
        name = "" if single is None else f"trial {printable(single)}, "
        return (
            f"The folder winner/ holds {name}the best single network; with final.ensemble: true "
            "it would hold the ensemble."
        )
    if held in (None, winner.trial_id):
        return ""
    return (
        f"The folder winner/ holds trial {printable(str(held))} and not rank 1, trial "
        f"{printable(winner.trial_id)}: it was written before that one ended, or belongs to "
        "another run."
    )


def _may_be_published(info: Mapping[str, Any]) -> bool:
    told: Any = info
    for key in ("experiment", "final", "ensemble"):
        told = told.get(key) if isinstance(told, Mapping) else None
    return told is True
