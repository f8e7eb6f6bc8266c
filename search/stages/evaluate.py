"""Stage 5: the finalists on the test set, which is opened once, after all choosing is done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scans
from reports import Stage, TrialRecord
from search.stages.context import Run, StageWorkers
from search.stages.fine_tune import read_recipe, winner_of
from search.weights_kept import finalists_of, has_weights, load_weights, save_array
from trainables import Evaluation
from trainables.metrics import classification_report, confusion, missed_positives

__all__ = ["evaluate", "finalists", "true_labels"]


def finalists(run: Run) -> list[TrialRecord]:
    """The models that see the test set: the best few, the best of each family, the fine-tuned."""
    trained = [record for record in run.records if has_weights(run.directory, record.trial_id)]
    searched = [record for record in trained if record.stage == Stage.SEARCH]
    best = finalists_of(searched, run.plan.experiment.final.finalists)
    names = {record.trial_id for record in best}
    winner = winner_of(trained)
    tuned = [
        record
        for record in trained
        if record.stage == Stage.FINE_TUNE and (record.parent_id in names or record == winner)
    ]
    return [*tuned, *best]


def true_labels(source: scans.Source, part: str) -> NDArray[np.int64]:
    """The labels of a part as positions in the classes, (images,), in the split's order."""
    rows = source.split.to_pylist()
    position = {name: index for index, name in enumerate(source.classes)}
    return np.array([position[row["label"]] for row in rows if row["part"] == part], np.int64)


def evaluate(run: Run, worker: StageWorkers) -> None:
    """Opens the test set and writes evaluation.json; does nothing if these were evaluated."""
    chosen = finalists(run)
    evaluated = run.directory.info.get("evaluated", [])
    if evaluated == [record.trial_id for record in chosen]:
        return
    opened = datetime.now(UTC).isoformat(timespec="seconds")
    openings = [*run.directory.info.get("test_openings", []), opened]
    run.directory.update(test_openings=openings)
    labels = true_labels(run.source, "test")
    figures = [_evaluate_one(run, worker, record, labels) for record in chosen]
    run.directory.write_json(
        "evaluation.json",
        {
            "opened": opened,
            "finalists": figures,
            "classes": list(run.source.classes),
            "negative_class": run.directory.info["data"]["negative_class"],
        },
    )
    run.directory.update(evaluated=[record.trial_id for record in chosen])


def _evaluate_one(
    run: Run, worker: StageWorkers, record: TrialRecord, labels: NDArray[np.int64]
) -> dict[str, Any]:
    trial_id = record.trial_id
    payload = {
        "recipe": read_recipe(run.directory, trial_id),
        "weights": load_weights(run.directory, trial_id),
        "source": run.source,
        "part": "test",
    }
    result: Evaluation = worker.run("evaluate", payload)
    save_array(run.directory, f"trials/{trial_id}/test.npy", result.probabilities)
    matrix = confusion(result.probabilities, labels)
    classes = run.source.classes
    negative = run.directory.info["data"]["negative_class"]
    missed = None if negative is None else missed_positives(matrix, classes, negative)
    return {
        "trial_id": trial_id,
        "test_accuracy": result.accuracy,
        "test_accuracy_clean": None,
        "missed_positives": missed,
        "latency_ms": result.latency_ms,
        "confusion": matrix,
        "classification_report": classification_report(result.probabilities, labels, classes),
    }
