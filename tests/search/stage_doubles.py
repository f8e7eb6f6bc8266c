"""A run after its search, with finalists on disk, for the stages that come after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from doubles import CLASSES, Clock, SpyDisplay, plan

import scans
from reports import Origin, Stage, Status, TrialRecord
from search.books.weights_kept import save_weights
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory
from search.stages.context import Run
from search.studies.study import Suggestion
from trainables import FineTune, Runtime

EXPERIMENT = """
name: stages
data: {image_size: 32}
families: {mini_resnet: {}}
training: {epochs: 5}
search: {trials: 4, papers: false}
final: {finalists: 3, fine_tune: false}
"""


def stage_run(
    path: Path,
    *,
    split: pa.Table,
    folds: int | None = None,
    repeats: int = 1,
    workers: int = 1,
    seconds: float | None = None,
    clock: Clock | None = None,
) -> Run:
    text = EXPERIMENT.replace("32}", f"32, folds: {folds}}}") if folds else EXPERIMENT
    of = plan(text.replace("tune: false}", f"tune: false, repeats: {repeats}}}"))
    directory = RunDirectory.create(path, {"data": {"negative_class": "notumor"}})
    return Run(
        directory=directory,
        plan=of,
        source=scans.Source(
            root=path,
            split=split,
            classes=CLASSES,
            fingerprint="f" * 16,
            synthetic=True,
            cache=path / "cache",
        ),
        budget=Budget(
            trials=4, seconds=seconds, folds=folds, repeats=repeats, clock=clock or Clock()
        ),
        display=SpyDisplay(),
        resources={"CPU": 1.0, "GPU": 0.0},
        workers=workers,
        runtime=Runtime(threads=1),
    )


def record_of(
    run: Run, trial_id: str, *, accuracy: float = 0.9, seconds: float = 10.0, tuned: bool = False
) -> TrialRecord:
    """Adds a completed trial with weights and recipe to the run."""
    suggestion = Suggestion(
        number=0, configuration={"family": "mini_resnet"}, origin="sampler", note=""
    )
    recipe = run.plan.recipe(suggestion).to_dict()
    recipe["fine_tune"] = vars(FineTune(epochs=2, patience=2)) if tuned else None
    record = TrialRecord(
        trial_id=trial_id,
        stage=Stage.FINE_TUNE if tuned else Stage.SEARCH,
        origin=Origin.SAMPLER,
        family="mini_resnet",
        status=Status.COMPLETED,
        stop_reason="finished",
        hyperparameters={"family": "mini_resnet"},
        seed=0,
        val_accuracy=accuracy,
        val_loss=0.5,
        epochs=5,
        epochs_allowed=5,
        image_size=32,
        started_at="2026-11-24T10:00:00+00:00",
        finished_at="2026-11-24T10:01:00+00:00",
        seconds=seconds,
        parent_id=trial_id.removesuffix("-ft") if tuned else None,
        **run.facts(),
    )
    save_weights(run.directory, trial_id, [np.zeros(1)])
    run.directory.write_json(f"trials/{trial_id}/record.json", {"recipe": recipe})
    run.records.append(record)
    return record
