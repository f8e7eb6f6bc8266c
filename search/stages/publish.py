"""Stage 9: the winner's files, the leaderboard and the report."""

from __future__ import annotations

from typing import Any

import reports
from search import provenance
from search.books.weights_kept import load_weights
from search.runs.run_directory import RunDirectory
from search.runs.whole_folders import replace_folder
from search.stages.context import Run, StageWorkers
from search.stages.fine_tune import read_recipe, winner_of
from search.stages.prepare import recorded_division

__all__ = ["publish_tables", "publish_winner"]


def publish_winner(run: Run, worker: StageWorkers) -> None:
    """Writes winner/: model.keras, config.yaml, labels.json and architecture.json."""
    winner = winner_of(run.records, run.ranking)
    files: dict[str, bytes] = worker.run(
        "export",
        {
            "recipe": read_recipe(run.directory, winner.trial_id),
            "weights": load_weights(run.directory, winner.trial_id),
            "source": run.source,
            "scores": _scores(run, winner),
        },
    )
    # As a whole: model and recipe must not get mixed.
    replace_folder(run.directory, "winner", files)


def publish_tables(directory: RunDirectory) -> list[reports.LeaderboardRow]:
    """Writes statistics.json, leaderboard.parquet and report.html from what is there now."""
    finished = reports.read_run(directory.path)
    reports.write_statistics(finished)
    rows = reports.build_leaderboard(finished)
    notes = reports.run_notes(finished, rows)
    reports.write_leaderboard(rows, directory.path / "leaderboard.parquet", notes)
    reports.write_report(finished, rows, directory.path / "report.html")
    return rows


def _scores(run: Run, winner: reports.TrialRecord) -> dict[str, Any]:
    """What config.yaml says beside the recipe: enough to train the winner again elsewhere."""
    return {
        "trial_id": winner.trial_id,
        "val_accuracy": winner.val_accuracy,
        "val_loss": winner.val_loss,
        "data_fingerprint": winner.data_fingerprint,
        "synthetic": winner.synthetic,
        "division": recorded_division(run.plan.experiment, run.source.split),
        "runtime": dict(winner.runtime),
        "machine": provenance.machine(),
    }
