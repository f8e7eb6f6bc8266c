"""A made-up run directory: plausible curves, clearly test data, no training behind it."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from typing import Any

import fake_answers
import fake_data
import fake_predictions
import numpy as np
import yaml
from fake_data import TEST_IMAGES, VALIDATION_IMAGES

from reports.records import Origin, Stage, Status, TrialRecord

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
BEGIN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

_PRICE = 1.21  # USD for an hour of the node, which has one GPU
_LOST = {6: 2, 8: 1}  # trials that lost workers, and how many

# family, backbone, origin, status, plateau, epochs run
_TRIALS = (
    ("plain_cnn", None, Origin.PAPER, Status.COMPLETED, 0.921, 12),
    ("mini_vgg", None, Origin.PAPER, Status.PRUNED, 0.862, 5),
    ("mini_resnet", None, Origin.PAPER, Status.COMPLETED, 0.913, 12),
    ("transfer", "MobileNetV2", Origin.PAPER, Status.COMPLETED, 0.717, 12),
    ("mini_resnet", None, Origin.SAMPLER, Status.COMPLETED, 0.958, 12),
    ("plain_cnn", None, Origin.SAMPLER, Status.PRUNED, 0.743, 3),
    ("mini_vgg", None, Origin.SAMPLER, Status.COMPLETED, 0.929, 11),
    ("transfer", "EfficientNetB0", Origin.SAMPLER, Status.PRUNED, 0.471, 2),
    ("mini_resnet", None, Origin.SAMPLER, Status.FAILED, 0.0, 0),
    ("plain_cnn", None, Origin.SAMPLER, Status.COMPLETED, 0.946, 12),
    ("mini_resnet", None, Origin.SAMPLER, Status.COMPLETED, 0.971, 12),
    ("mini_resnet", None, Origin.SAMPLER, Status.PRUNED, 0.839, 4),
    ("plain_cnn", None, Origin.SAMPLER, Status.PRUNED, 0.791, 3),
)


@dataclass
class FakeRun:
    """What `write` puts into a run directory; change it first to get another.

    `folds` are the folds that each cross-validated trial finished; `twins` says whether some test
    images have a twin in training; `predictions` whether completed trials have theirs.
    `answers` gives the finalists probabilities that come to their matrices, and the run a winner.
    """

    classes: tuple[str, ...] = CLASSES
    negative_class: str | None = "notumor"
    info: dict[str, Any] = field(default_factory=dict)
    records: list[TrialRecord] = field(default_factory=list)
    finalists: list[str] = field(default_factory=list)
    audit: dict[str, Any] | None = None
    twins: bool = True
    folds: dict[str, int] = field(default_factory=dict)
    predictions: bool = False
    answers: bool = False

    def write(self, path: Path) -> Path:
        """Write the run directory; returns it."""
        path.mkdir(parents=True, exist_ok=True)
        (path / "run.yaml").write_text(yaml.safe_dump(self.info, sort_keys=False))
        (path / "trials.jsonl").write_text("".join(f"{r.to_json()}\n" for r in self.records))
        for record in self.records:
            _write_epochs(path / "trials" / record.trial_id, record)
        fake_data.write_split(path / "split.parquet", self.classes, self.twins)
        if self.audit is not None:
            (path / "audit.json").write_text(json.dumps(self.audit))
            fake_data.write_pictures(path / "audit", self.audit)
        if self.predictions:
            fake_predictions.write(path, self.records, self.finalists, self.classes)
        if self.finalists:
            (path / "evaluation.json").write_text(json.dumps(self._evaluation()))
        if self.answers:
            fake_answers.write(path, self.records, self._evaluation())
        if self.folds:
            (path / "cross_validation.json").write_text(json.dumps(self._cross_validation()))
        return path

    def _cross_validation(self) -> dict[str, Any]:
        of = {record.trial_id: record for record in self.records}
        finalists = []
        for trial_id, finished in self.folds.items():
            if trial_id not in of:
                continue
            random = np.random.default_rng(of[trial_id].seed)
            center = (of[trial_id].val_accuracy or 0.0) - 0.01
            shares = [round(float(center + random.normal(0, 0.01)), 4) for _ in range(finished)]
            finalists.append(
                {
                    "trial_id": trial_id,
                    "accuracies": shares,
                    "losses": [round(2 * (1 - share), 4) for share in shares],
                    "seconds": 31.0 * finished,
                }
            )
        return {"folds": 5, "images": 1200, "finalists": finalists}

    def _evaluation(self) -> dict[str, Any]:
        of = {record.trial_id: record for record in self.records}
        return {
            "opened": (BEGIN + timedelta(minutes=9)).isoformat(),
            "classes": list(self.classes),
            "negative_class": self.negative_class,
            "test_images": TEST_IMAGES,
            "test_images_clean": TEST_IMAGES - (sum(self._seen()) if self.twins else 0),
            "finalists": [
                _finalist(of[trial_id], self.classes, self.negative_class, self._seen())
                for trial_id in self.finalists
            ],
        }

    def _seen(self) -> tuple[int, ...]:
        """Test images of each class that have a twin in training."""
        if not self.twins:
            return (0,) * len(self.classes)
        pairs = zip(fake_data.EXACT, fake_data.NEAR, strict=True)
        return tuple(exact + near for exact, near in pairs)[: len(self.classes)]


def fake_run() -> FakeRun:
    """A finished run of 14 trials: 13 of the search and the fine-tuned winner."""
    records = [_search_record(number, *trial) for number, trial in enumerate(_TRIALS)]
    winner = records[10]
    records.append(
        replace(
            winner,
            trial_id="0010-ft",
            stage=Stage.FINE_TUNE,
            lost_workers=None,
            lost_seconds=None,
            parent_id=winner.trial_id,
            val_accuracy=_share(0.979),
            val_loss=0.081,
            epochs=4,
            epochs_allowed=5,
            kept_epoch=3,
            seconds=17.25,
            **_held(20.5),
            fine_tune={"learning_rate": 1e-4, "epochs": 5, "patience": 2},
            started_at=_time(430),
            finished_at=_time(447.25),
        )
    )
    finalists = ["0010-ft", "0010", "0009", "0006", "0003"]
    folds = {"0010-ft": 5, "0010": 5, "0009": 5, "0006": 3, "0003": 1}
    return FakeRun(
        info=_info(),
        records=records,
        finalists=finalists,
        audit=fake_data.audit(CLASSES),
        folds=folds,
    )


def answered_run() -> FakeRun:
    """The same with what its finalists answered, image by image, and with the winner's network."""
    fake = fake_run()
    fake.answers = True
    return fake


def _info() -> dict[str, Any]:
    return {
        "schema_version": 2,
        "state": "finished",
        "synthetic": True,
        "command": ["neurosweep", "search", "demo.yaml", "--data", "phantom images"],
        "began": _time(0),
        "ended": _time(480),
        "test_openings": [_time(540)],
        "experiment": {
            "name": "test-data",
            "data": {"image_size": 64, "color": "grey", "validation": 0.2},
            "search": {"seed": 0, "trials": 13},
            "resources": {"price_per_hour": {"gpu_worker": _PRICE}, "currency": "USD"},
        },
        "versions": {"neurosweep": "0.0.0", "python": "3.11.0", "tensorflow": "2.21.0"},
        "hardware": {"cpus": 2, "memory_gib": 8, "gpus": []},
        "data": {
            "root": "phantom images",
            "classes": list(CLASSES),
            "leaks": "keep",
            "folds": 5,
            "groups": None,
            "parts": {"train": 960, "validation": 240, "test": 320, "dropped": 0},
            "clean_test_images": 259,
            "known_set": None,
            "fingerprint": "f" * 64,
        },
        "resources": {"CPU": 4.0, "GPU": 1.0},
        "held_seconds": 492.0,
        "held": {"measure": _spent(14.0), "search": _spent(418.0), "final": _spent(60.0, 5.0)},
        "measured": {"precision": "float32", "threads": 1},
        "stages": {"prepare": 6.5, "search": 418.0, "fine_tune": 20.0, "evaluate": 9.5},
    }


def _search_record(
    number: int,
    family: str,
    backbone: str | None,
    origin: Origin,
    status: Status,
    plateau: float,
    epochs: int,
) -> TrialRecord:
    failed = status is Status.FAILED
    started = 10.0 + 31 * number
    return TrialRecord(
        trial_id=f"{number:04d}",
        stage=Stage.SEARCH,
        origin=origin,
        family=family,
        backbone=backbone,
        weights="random" if backbone else "none",
        status=status,
        stop_reason={"completed": "finished", "pruned": "stopped", "failed": None}[status],
        hyperparameters=_hyperparameters(family, number),
        seed=1000 + number,
        val_accuracy=None if failed else _share(plateau),
        val_loss=None if failed else round(3 * (1 - plateau), 4),
        epochs=epochs,
        epochs_allowed=12,
        kept_epoch=None if failed else epochs,
        seconds=2.5 * epochs + 1,
        data_fingerprint="f" * 64,
        synthetic=True,
        image_size=64,
        parameters=None if failed else 100_000 * (number + 1),
        **_held(2.5 * epochs + 4 + 12.5 * (number in _LOST)),
        lost_workers=_LOST.get(number),
        lost_seconds=12.5 if number in _LOST else None,
        started_at=_time(started),
        finished_at=_time(started + 2.5 * epochs + 1),
        error="ValueError: made up for a test" if failed else None,
        runtime={"threads": 1, "precision": "float32", "deterministic": True},
    )


def _held(seconds: float) -> dict[str, float]:
    """What holding a worker with one GPU came to."""
    hours = seconds / 3600
    cost = round(_PRICE * hours, 6)
    return {"held_seconds": seconds, "gpu_hours": round(hours, 6), "cost": cost}


def _spent(seconds: float, unpriced: float = 0.0) -> dict[str, float]:
    cost = round(_PRICE * (seconds - unpriced) / 3600, 6)
    return {"seconds": seconds, "cost": cost, "unpriced_seconds": unpriced}


def _hyperparameters(family: str, number: int) -> dict[str, Any]:
    own: dict[str, Any] = {f"{family}/filters": 16 * (1 + number % 4)}
    return {
        "family": family,
        **own,
        "training/optimizer": ("adam", "adamw", "sgd")[number % 3],
        "training/learning_rate": 0.001 * (1 + number),
        "training/batch_size": 32,
        "training/augmentation": number % 2 == 0,
    }


def _share(plateau: float) -> float:
    return round(plateau * VALIDATION_IMAGES) / VALIDATION_IMAGES


def _time(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def _write_epochs(folder: Path, record: TrialRecord) -> None:
    if record.val_accuracy is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(record.seed)
    begin = 0.25 if record.stage is Stage.SEARCH else record.val_accuracy - 0.02
    lines = []
    for epoch in range(1, record.epochs + 1):
        reached = 1 - exp(-0.45 * epoch)
        share = begin + (record.val_accuracy / (1 - exp(-0.45 * record.epochs)) - begin) * reached
        share = min(record.val_accuracy, share * (1 + float(random.uniform(-0.05, 0.0))))
        if record.stage is Stage.FINE_TUNE:
            share = record.val_accuracy - 0.004 * abs(epoch - (record.kept_epoch or 0))
        if epoch == record.kept_epoch:
            share = record.val_accuracy
        lines.append(_epoch_line(epoch, share, random))
    (folder / "epochs.jsonl").write_text("".join(lines))


def _epoch_line(epoch: int, share: float, random: np.random.Generator) -> str:
    figures = {
        "epoch": epoch,
        "loss": 1.5 * (1 - share),
        "accuracy": min(1.0, share + float(random.uniform(0, 0.02))),
        "val_loss": 2 * (1 - share),
        "val_accuracy": share,
        "seconds": 2.5,
        "learning_rate": 0.001,
    }
    return json.dumps(figures) + "\n"


def _finalist(
    record: TrialRecord,
    classes: tuple[str, ...],
    negative_class: str | None,
    seen: tuple[int, ...],
) -> dict[str, Any]:
    support = TEST_IMAGES // len(classes)
    wrong = round((1 - (record.val_accuracy or 0.0)) * support)
    confusion = [_confusion_row(row, wrong, support, len(classes)) for row in range(len(classes))]
    # What has a twin in training is easily got right: all errors are among the clean images.
    clean = [list(row) for row in confusion]
    for index, images in enumerate(seen):
        clean[index][index] -= images
    figures = {
        "trial_id": record.trial_id,
        "latency_ms": 3.5,
        "latency_device": "made-up processor, 1 thread",
    }
    for ending, matrix in (("", confusion), ("_clean", clean)):
        figures |= _figures(matrix, classes, negative_class, ending)
    return figures


def _figures(
    confusion: list[list[int]], classes: tuple[str, ...], negative_class: str | None, ending: str
) -> dict[str, Any]:
    missed = None
    if negative_class is not None:
        column = classes.index(negative_class)
        missed = sum(row[column] for index, row in enumerate(confusion) if index != column)
    right = sum(confusion[index][index] for index in range(len(classes)))
    return {
        f"test_accuracy{ending}": right / sum(map(sum, confusion)),
        f"missed_positives{ending}": missed,
        f"confusion{ending}": confusion,
        f"classification_report{ending}": _classification_report(confusion, classes),
    }


def _confusion_row(row: int, wrong: int, support: int, size: int) -> list[int]:
    cells = [0] * size
    cells[row] = support - wrong
    cells[(row + 1) % size] += wrong - wrong // 3
    cells[(row + 2) % size] += wrong // 3
    return cells


def _classification_report(confusion: list[list[int]], classes: tuple[str, ...]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for index, name in enumerate(classes):
        right, support = confusion[index][index], sum(confusion[index])
        precision = right / sum(row[index] for row in confusion)
        recall = right / support
        report[name] = {
            "precision": precision,
            "recall": recall,
            "f1-score": 2 * precision * recall / (precision + recall),
            "support": float(support),
        }
    total = sum(map(sum, confusion))
    even = dict.fromkeys(classes, 1 / len(classes))
    by_support = {name: report[name]["support"] / total for name in classes}
    for average, weights in (("macro avg", even), ("weighted avg", by_support)):
        report[average] = {
            figure: sum(weights[name] * report[name][figure] for name in classes)
            for figure in ("precision", "recall", "f1-score")
        } | {"support": float(total)}
    report["accuracy"] = sum(confusion[i][i] for i in range(len(classes))) / total
    return report
