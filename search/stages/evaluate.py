"""Stage 9: the finalists on the test set, which is opened once, after all choosing is done.

A run that goes on looks only at finalists that it has not looked at. The figures of the others
stand as they are, an ensemble answers from what its members said, and where no network looks at an
image no opening is recorded.

Each figure is given twice, from the same probabilities: over all test images, and over the clean
ones, of which no copy, near-copy or slice of the same patient was trained or chosen on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scans
from reports import Stage, TrialRecord
from reports.evaluation import read_evaluation
from reports.scores.answers import Answers
from reports.scores.calibration import calibration_error
from reports.scores.roc import macro_roc_auc
from reports.scores.temperature import at_temperature
from search.books.weights_kept import finalists_of, has_weights, load_weights, save_array
from search.runs.run_directory import RunDirectory
from search.stages.context import Run, StageWorkers
from search.stages.ensemble import ensemble_of, read_ensemble, recorded_latency
from search.stages.fine_tune import read_recipe, winner_of
from search.stages.saved_answers import SavedAnswers, truth_of
from trainables import Evaluation, metrics, weighted_mean
from trainables.results import Latency

__all__ = ["evaluate", "figures_of", "finalists"]

_FIGURES = (
    "accuracy",
    "missed_positives",
    "confusion",
    "classification_report",
    "roc_auc",
    "calibration_error",
    "calibration_error_scaled",
)


def finalists(run: Run) -> list[TrialRecord]:
    """The networks that see the test set: the best few, the best of each family, the fine-tuned.

    Their ensemble has no weights of its own and is not among them.
    """
    trained = [record for record in run.records if has_weights(run.directory, record.trial_id)]
    searched = [record for record in trained if record.stage == Stage.SEARCH]
    best = finalists_of(searched, run.plan.experiment.final.finalists, run.ranking)
    names = {record.trial_id for record in best}
    winner = winner_of(trained, run.ranking)
    tuned = [
        record
        for record in trained
        if record.stage == Stage.FINE_TUNE and (record.parent_id in names or record == winner)
    ]
    return [*tuned, *best]


def evaluate(run: Run, worker: StageWorkers) -> None:
    """Writes evaluation.json; opens the test set only for networks that have not seen it.

    An ensemble of which a member's answers are damaged is left out, and that is said; a later
    sitting tries again.

    Raises:
        RunDirectoryError: What an earlier sitting measured is damaged.
    """
    chosen, ensemble = finalists(run), ensemble_of(run)
    names = [record.trial_id for record in chosen]
    if ensemble is not None:
        names.append(ensemble.trial_id)
    if run.directory.info.get("evaluated", []) == names:
        return
    opened, known = _measured(run.directory)
    new = [record for record in chosen if record.trial_id not in known]
    if new:
        opened = datetime.now(UTC).isoformat(timespec="seconds")
        openings = [*run.directory.info.get("test_openings", []), opened]
        run.directory.update(test_openings=openings)
    looks = {record.trial_id: _look(run, worker, record.trial_id) for record in new}
    truth = truth_of(run.source, "test")
    clean = scans.clean_test_rows(run.source.split)
    for one in new:
        known[one.trial_id] = _figures(run, one, looks[one.trial_id], truth.labels, clean)
    if ensemble is not None and ensemble.trial_id not in known:
        answers = SavedAnswers(run.directory, truth)
        together = _together(run, ensemble.trial_id, answers, known)
        if together is not None:
            known[ensemble.trial_id] = _figures(run, ensemble, together, truth.labels, clean)
        else:
            run.display.note(f"{ensemble.trial_id} has no test figures: {answers.problem}")
    evaluated = [name for name in names if name in known]
    run.directory.write_json(
        "evaluation.json",
        {
            "opened": opened,
            "finalists": [known[name] for name in evaluated],
            "classes": list(run.source.classes),
            "negative_class": run.directory.info["data"]["negative_class"],
            "test_images": len(truth.labels),
            "test_images_clean": None if clean is None else int(clean.sum()),
        },
    )
    run.directory.update(evaluated=evaluated)


def _measured(run: RunDirectory) -> tuple[str | None, dict[str, dict[str, Any]]]:
    """When the test set was last opened, and the figures that are known, by trial, as written."""
    path = run.path / "evaluation.json"
    if read_evaluation(path) is None:
        return None, {}
    content = json.loads(path.read_text("utf-8"))
    return content["opened"], {one["trial_id"]: one for one in content["finalists"]}


def figures_of(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None,
    *,
    classes: Sequence[str],
    negative_class: str | None,
    temperature: float | None = None,
) -> dict[str, Any]:
    """What one model's answers on some of the test images come to.

    Args:
        probabilities: (images, classes), rows in the split's order.
        labels: (images,) positions of the true classes.
        chosen: (images,) flags of the images to look at; None where it is not known which.
        classes: Names, in the order of the columns.
        negative_class: The class that means "nothing found", or None where there is none.
        temperature: What was fitted on validation; None where nothing was.

    Returns:
        `accuracy`, `missed_positives`, `confusion`, `classification_report`, `roc_auc`,
        `calibration_error` and `calibration_error_scaled`, at the temperature; each None where no
        image was chosen. None as well are `missed_positives` without a negative class, `roc_auc`
        where a class has no image, and what lacks its temperature.
    """
    if chosen is None or not chosen.any():
        return dict.fromkeys(_FIGURES)
    probabilities, labels = probabilities[chosen], labels[chosen]
    matrix = metrics.confusion(probabilities, labels)
    missed = None
    if negative_class is not None:
        missed = metrics.missed_positives(matrix, classes, negative_class)
    report = metrics.classification_report(probabilities, labels, classes)
    answers = Answers(probabilities, labels)
    figures = (
        metrics.accuracy(probabilities, labels),
        missed,
        matrix,
        report,
        macro_roc_auc(answers),
        calibration_error(answers),
        None if temperature is None else calibration_error(at_temperature(answers, temperature)),
    )
    return dict(zip(_FIGURES, figures, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a model said of the test images, (images, classes), and how long it takes."""

    probabilities: NDArray[np.float32]
    latency: Latency


def _look(run: Run, worker: StageWorkers, trial_id: str) -> _Look:
    payload = {
        "recipe": read_recipe(run.directory, trial_id),
        "weights": load_weights(run.directory, trial_id),
        "source": run.source,
        "part": "test",
    }
    result: Evaluation = worker.run("evaluate", payload)
    return _Look(probabilities=result.probabilities, latency=result.latency)


def _together(
    run: Run, trial_id: str, answers: SavedAnswers, known: Mapping[str, Mapping[str, Any]]
) -> _Look | None:
    """What the ensemble says, from its members' saved answers: nobody looks at the images again.

    None where those of a member cannot be used.
    """
    members = read_ensemble(run.directory, trial_id)
    said = [
        answers.read(member.trial_id, known[member.trial_id]["test_accuracy"])
        for member in members.members
    ]
    usable = [one for one in said if one is not None]
    if len(usable) < len(said):
        return None
    return _Look(
        probabilities=weighted_mean(usable, members.weights),
        latency=recorded_latency(run.directory, trial_id),
    )


def _figures(
    run: Run,
    record: TrialRecord,
    look: _Look,
    labels: NDArray[np.int64],
    clean: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    trial_id = record.trial_id
    save_array(run.directory, f"trials/{trial_id}/test.npy", look.probabilities)
    everywhere, without_leaks = (
        figures_of(
            look.probabilities,
            labels,
            chosen,
            classes=run.source.classes,
            negative_class=run.directory.info["data"]["negative_class"],
            temperature=record.temperature,
        )
        for chosen in (np.ones(len(labels), np.bool_), clean)
    )
    return {
        "trial_id": trial_id,
        "test_accuracy": everywhere.pop("accuracy"),
        "test_accuracy_clean": without_leaks.pop("accuracy"),
        "latency_ms": look.latency.one.median,
        "latency_p95_ms": look.latency.one.p95,
        "latency_32_ms": look.latency.batch.median,
        "latency_32_p95_ms": look.latency.batch.p95,
        "latency_device": look.latency.device,
        **everywhere,
        **{f"{name}_clean": figure for name, figure in without_leaks.items()},
    }
