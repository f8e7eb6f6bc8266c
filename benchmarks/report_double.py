"""A run directory with made-up trials: plausible curves, no training behind it, and marked so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, log10
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from reports import Origin, Stage, Status, TrialRecord

BEGIN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
EPOCHS = 12
VALIDATION = 1142  # images, of which an accuracy is a share
FAMILIES = {"plain_cnn": 0.94, "mini_vgg": 0.95, "mini_resnet": 0.965, "transfer": 0.955}
BACKBONES = ("ConvNeXtTiny", "DenseNet121", "DenseNet201", "EfficientNetB0", "MobileNetV2")
ERRORS = ("OutOfMemoryError", "DivergedError", "WorkerLostError")

Random = np.random.Generator


@dataclass
class Worker:
    """When a made-up worker has time again, in seconds since the beginning."""

    free: float


def write_double(path: Path, trials: int, workers: int, seed: int = 0) -> Path:
    """Write the run directory; what is in it was computed from a formula and a seed."""
    random = np.random.default_rng(seed)
    path.mkdir(parents=True)
    lines = []
    crew = [Worker(20.0 + 3 * float(random.random())) for _ in range(workers)]
    for number in range(trials):
        record, shares = _trial(number, trials, random, min(crew, key=lambda one: one.free))
        lines.append(record.to_json() + "\n")
        folder = path / "trials" / record.trial_id
        folder.mkdir(parents=True)
        (folder / "epochs.jsonl").write_text("".join(_epochs(shares, record)))
    (path / "trials.jsonl").write_text("".join(lines))
    (path / "run.yaml").write_text(yaml.safe_dump(_info(trials, workers), sort_keys=False))
    _write_split(path / "split.parquet")
    return path


def _trial(
    number: int, trials: int, random: Random, worker: Worker
) -> tuple[TrialRecord, list[float]]:
    family = str(random.choice(list(FAMILIES), p=(0.2, 0.2, 0.4, 0.2)))
    settings = dict(_settings(family, number / trials, random))
    plateau = FAMILIES[family] - _loss_of(settings, random)
    fails = random.random() < 0.02
    pruned = not fails and number > 4 and plateau < FAMILIES[family] - 0.04
    epochs = int(random.integers(0, 3)) if fails else EPOCHS
    if pruned:
        epochs = int(random.integers(2, 7))
    shares = [_share(plateau * (1 - exp(-0.5 * one)), random) for one in range(1, epochs + 1)]
    began, seconds = worker.free + 1.5, 9.0 * epochs * float(random.uniform(0.7, 1.4)) + 3
    worker.free = began + seconds
    status = Status.FAILED if fails else Status.PRUNED if pruned else Status.COMPLETED
    error = str(random.choice(ERRORS))
    record = TrialRecord(
        trial_id=f"t{number:05d}",
        stage=Stage.SEARCH,
        origin=Origin.PAPER if number < 3 else Origin.SAMPLER,
        family=family,
        backbone=str(settings["transfer/backbone"]) if family == "transfer" else None,
        weights="random" if family == "transfer" else "none",
        status=status,
        stop_reason={"failed": error, "pruned": "scheduler"}.get(status, "finished"),
        hyperparameters={"family": family, **settings},
        seed=number,
        val_accuracy=max(shares) if shares and not fails else None,
        val_loss=1 - max(shares) if shares and not fails else None,
        epochs=epochs,
        epochs_allowed=EPOCHS,
        kept_epoch=shares.index(max(shares)) + 1 if shares and not fails else None,
        seconds=seconds,
        data_fingerprint="f" * 64,
        synthetic=True,
        image_size=64,
        parameters=None if fails else int(10 ** random.uniform(4.5, 6.5)),
        held_seconds=seconds + 1.5,
        gpu_hours=(seconds + 1.5) / 3600,
        started_at=_time(began),
        finished_at=_time(began + seconds),
        error=f"{error}: made up by a benchmark" if fails else None,
        runtime={"threads": 1, "precision": "float32", "deterministic": True},
    )
    return record, shares


def _settings(family: str, progress: float, random: Random) -> Iterator[tuple[str, Any]]:
    """A conditional space much like ours; later trials are nearer to the good rate."""
    if family == "transfer":
        yield "transfer/backbone", str(random.choice(BACKBONES))
        yield "transfer/dense_units", int(random.choice([0, 128, 256, 512]))
    else:
        depth = int(random.integers(2, 6))
        yield f"{family}/depth", depth
        for layer in range(1, depth + 1):
            yield f"{family}/filters_{layer}", int(2 ** random.integers(4, 8))
        yield f"{family}/kernel_size", int(random.choice([3, 5, 7]))
    optimizer = str(random.choice(["adam", "adamw", "sgd", "rmsprop"]))
    yield "training/optimizer", optimizer
    rate = random.normal(-3, 1.2 - 0.8 * progress)
    yield "training/learning_rate", float(10 ** np.clip(rate, -5, -1))
    if optimizer == "sgd":
        yield "training/momentum", float(random.uniform(0.5, 0.99))
    yield "training/batch_size", int(random.choice([16, 32, 64]))
    yield "training/dropout", round(float(random.uniform(0, 0.6)), 3)
    yield "training/augmentation", bool(random.random() < 0.5)


def _loss_of(settings: dict[str, Any], random: Random) -> float:
    """What a configuration lacks to the best of its family."""
    rate = abs(log10(settings["training/learning_rate"]) + 3)
    dropout = abs(settings["training/dropout"] - 0.25)
    wrong = 0.06 * rate**1.5 + 0.05 * dropout + 0.02 * settings["training/augmentation"]
    return float(min(0.7, wrong + abs(random.normal(0, 0.012))))


def _share(value: float, random: Random) -> float:
    noisy = min(1.0, max(0.05, value + float(random.normal(0, 0.006))))
    return round(noisy * VALIDATION) / VALIDATION


def _epochs(shares: list[float], record: TrialRecord) -> Iterator[str]:
    for epoch, share in enumerate(shares, start=1):
        figures = {
            "epoch": epoch,
            "loss": 1.5 * (1 - share),
            "accuracy": min(1.0, share + 0.01),
            "val_loss": 2 * (1 - share),
            "val_accuracy": share,
            "seconds": record.seconds / len(shares),
            "learning_rate": record.hyperparameters["training/learning_rate"],
        }
        yield json.dumps(figures) + "\n"


def _info(trials: int, workers: int) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "state": "finished",
        "synthetic": True,
        "command": ["made", "up", "by", "benchmarks/report_double.py"],
        "experiment": {"name": "a benchmark's double", "search": {"trials": trials}},
        "resources": {"CPU": 4.0, "GPU": 1.0},
        "workers": workers,
    }


def _write_split(path: Path) -> None:
    parts = {"train": 1142 * 4, "validation": VALIDATION, "test": 1311}
    rows = [(part, number) for part, images in parts.items() for number in range(images)]
    columns = {
        "file": [f"{part}/{number}.png" for part, number in rows],
        "label": [CLASSES[number % len(CLASSES)] for _, number in rows],
        "part": [part for part, _ in rows],
        "group": list(range(len(rows))),
    }
    pq.write_table(pa.table(columns), path)


def _time(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()
