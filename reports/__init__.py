"""What was found: trial records, the leaderboard, figures and the report.

This room only reads a run directory and draws: it needs neither the data nor TensorFlow nor Ray.
Names are loaded when they are first asked for, so that `neurosweep leaderboard` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.epochs import EpochRecord
    from reports.evaluation import Evaluation, Finalist
    from reports.intervals import wilson_interval
    from reports.leaderboard import LeaderboardRow, build_leaderboard
    from reports.parquet import read_leaderboard, write_leaderboard
    from reports.records import Origin, Stage, Status, TrialRecord
    from reports.run import Run, read_run

__all__ = [
    "EpochRecord",
    "Evaluation",
    "Finalist",
    "LeaderboardRow",
    "Origin",
    "Run",
    "Stage",
    "Status",
    "TrialRecord",
    "build_leaderboard",
    "read_leaderboard",
    "read_run",
    "wilson_interval",
    "write_leaderboard",
]

_HOMES = {
    "EpochRecord": "epochs",
    "Evaluation": "evaluation",
    "Finalist": "evaluation",
    "LeaderboardRow": "leaderboard",
    "Origin": "records",
    "Run": "run",
    "Stage": "records",
    "Status": "records",
    "TrialRecord": "records",
    "build_leaderboard": "leaderboard",
    "read_leaderboard": "parquet",
    "read_run": "run",
    "wilson_interval": "intervals",
    "write_leaderboard": "parquet",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    found: object = getattr(import_module(f"reports.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
