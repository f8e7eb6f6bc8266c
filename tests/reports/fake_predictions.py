"""Made-up predictions that come to the accuracies of a made-up run's records."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fake_data import TEST_IMAGES, VALIDATION_IMAGES
from numpy.typing import NDArray

from reports.records import Stage, Status, TrialRecord

SURE = 0.85  # what the class named gets


def write(
    path: Path, records: Sequence[TrialRecord], finalists: Sequence[str], classes: Sequence[str]
) -> None:
    """Write validation.npy of each completed trial, and test.npy of the finalists."""
    for record in records:
        if record.status is not Status.COMPLETED or record.stage is Stage.SCREEN:
            continue
        wrong = round((1 - (record.val_accuracy or 0.0)) * VALIDATION_IMAGES)
        save(path, record.trial_id, "validation", probabilities(VALIDATION_IMAGES, wrong, record))
    of = {record.trial_id: record for record in records}
    support = TEST_IMAGES // len(classes)
    for name in finalists:
        each = round((1 - (of[name].val_accuracy or 0.0)) * support)
        answers = [probabilities(support, each, of[name], only=label) for label in range(4)]
        save(path, name, "test", np.concatenate(answers))


def save(path: Path, trial_id: str, part: str, array: NDArray[np.float32]) -> None:
    """Write one array where a run has it."""
    folder = path / "trials" / trial_id
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{part}.npy", array)


def probabilities(
    images: int, wrong: int, record: TrialRecord, only: int | None = None
) -> NDArray[np.float32]:
    """Four classes in equal blocks, or one alone; some images are harder for all models."""
    labels = np.arange(images) * 4 // images if only is None else np.full(images, only)
    hardness = np.random.default_rng(0).normal(size=images)
    luck = np.random.default_rng(record.seed).normal(size=images)
    said = labels.copy()
    missed = np.argsort(hardness + luck)[:wrong]
    said[missed] = (said[missed] + 1) % 4
    answers = np.full((images, 4), (1 - SURE) / 3, np.float32)
    answers[np.arange(images), said] = SURE
    return answers
