"""Stand-ins for the clock, the display and what a worker reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from reports import TrialRecord
from search.books.assignment import Plan
from search.books.trial_book import Outcome, TrialBook
from search.budgets.budget import Budget
from search.experiment_file import parse_experiment
from search.runs.run_directory import RunDirectory
from search.studies.study import Study
from trainables import EpochRecord

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")

EXPERIMENT = """
name: doubles
data: {image_size: 32}
families: {mini_resnet: {}, plain_cnn: {}}
training: {epochs: 5}
search: {trials: 4, papers: false}
final: {finalists: 2}
"""


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SpyDisplay:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def stage(self, name: str, detail: str = "") -> None:
        self.told.append(("stage", name))

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def searching(self) -> AbstractContextManager[object]:
        return nullcontext()

    def started(self, trial_id: str, configuration: Mapping[str, object], note: str) -> None:
        self.told.append(("started", trial_id))

    def resumed(self, records: Sequence[TrialRecord]) -> None:
        self.told.extend(("resumed", record.trial_id) for record in records)

    def epoch(
        self, trial_id: str, epoch: EpochRecord, allowed: int, where: str | None = None
    ) -> None:
        self.told.append(("epoch", trial_id))

    def ended(self, record: TrialRecord) -> None:
        self.told.append(("ended", record.trial_id))


def plan(text: str = EXPERIMENT) -> Plan:
    return Plan(experiment=parse_experiment(text, source="test"), classes=CLASSES)


def study(path: Path, *, sampler: str = "random", seed: int = 0, of: Plan | None = None) -> Study:
    return Study(path, (of or plan()).space(), sampler=sampler, seed=seed)


def loaded(path: Path) -> optuna.Study:
    """The search's study as Optuna itself reads it."""
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.load_study(study_name="search", storage=storage)


def book(run: RunDirectory, *, budget: Budget | None = None, text: str = EXPERIMENT) -> TrialBook:
    chosen = plan(text)
    return TrialBook(
        run=run,
        study=Study(
            run.journal,
            chosen.space(),
            sampler="random",
            seed=0,
            directions=chosen.experiment.search.aim.directions,
        ),
        plan=chosen,
        budget=budget or Budget(trials=4, seconds=None),
        display=SpyDisplay(),
        facts={
            "data_fingerprint": "f" * 16,
            "synthetic": True,
            "runtime": {"threads": 1, "precision": "float32", "deterministic": True},
        },
    )


def epoch(number: int, accuracy: float, loss: float = 1.0) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        loss=loss,
        accuracy=accuracy,
        val_loss=loss,
        val_accuracy=accuracy,
        seconds=1.0,
        learning_rate=1e-3,
    )


def completed(accuracy: float, *, epochs: int = 5, stop_reason: str = "finished") -> Outcome:
    result: dict[str, Any] = {
        "epochs": epochs,
        "kept_epoch": epochs,
        "val_accuracy": accuracy,
        "val_loss": 1.0 - accuracy,
        "stop_reason": stop_reason,
        "seconds": 3.0,
        "history": [epoch(n + 1, accuracy) for n in range(epochs)],
        "validation_probabilities": np.full((8, 4), 0.25, np.float32),
        "parameters": 100,
    }
    return Outcome(result=result, fetch_weights=lambda: [np.arange(3.0), np.ones((2, 2))])


def failed(message: str = "out of memory") -> Outcome:
    return Outcome(
        failure={
            "kind": "ResourceExhaustedError",
            "message": message,
            "traceback": f"Traceback (most recent call last):\n  {message}",
        }
    )
