"""Stage 11: the winner's files, the leaderboard and the report."""

from __future__ import annotations

from typing import Any

import reports
from reports import Stage
from search import provenance
from search.books.weights_kept import load_weights
from search.runs.run_directory import RunDirectory
from search.runs.whole_folders import replace_folder
from search.stages.context import Run, StageWorkers
from search.stages.ensemble import fitted_accuracy, published, read_ensemble, with_their_weights
from search.stages.fine_tune import read_recipe
from search.stages.prepare import recorded_division

__all__ = ["publish_tables", "publish_winner"]


def publish_winner(run: Run, worker: StageWorkers) -> None:
    """Writes winner/: model.keras, config.yaml, labels.json and architecture.json."""
    winner = published(run)
    told = {"source": run.source, "scores": _scores(run, winner)}
    if winner.stage == Stage.ENSEMBLE:
        members = read_ensemble(run.directory, winner.trial_id)
        task, model = "export_ensemble", with_their_weights(run.directory, members)
    else:
        task, model = (
            "export",
            {
                "recipe": read_recipe(run.directory, winner.trial_id),
                "weights": load_weights(run.directory, winner.trial_id),
            },
        )
    files: dict[str, bytes] = worker.run(task, {**model, **told})
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
        **_fitted(run.directory, winner),
        "data_fingerprint": winner.data_fingerprint,
        "synthetic": winner.synthetic,
        "division": recorded_division(run.plan.experiment, run.source.split),
        "runtime": dict(winner.runtime),
        "machine": provenance.machine(),
    }


def _fitted(run: RunDirectory, winner: reports.TrialRecord) -> dict[str, float]:
    """What a rerun of an ensemble compares with."""
    if winner.stage != Stage.ENSEMBLE:
        return {}
    return {"fitted_val_accuracy": fitted_accuracy(run, winner.trial_id)}
