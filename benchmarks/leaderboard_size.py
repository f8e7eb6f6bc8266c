"""How long `neurosweep leaderboard` takes on a run of many trials, and how large its file is.

    python -m benchmarks.leaderboard_size [--trials 10000] [--times 5]

Nothing is trained: records are made up (and say that they are synthetic), every figure of its own,
so that the file compresses no better than a real one's. Each command is a process of its own; the
table has the least wall time of several, and the least CPU time.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import reports
from reports import Origin, Stage, Status, TrialRecord
from reports.parquet import read_leaderboard

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
FAMILIES = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer")
VALIDATION, TEST = 1142, 1311  # images, as many as the Kaggle set gives

COMMANDS = (
    (),
    ("--top", "20"),
    ("--where", "parameters < 5e6 and status = completed", "--sort", "val_macro_f1"),
    ("--format", "json", "--top", "20"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how often each command is run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder) / "run", asked.trials)
        began = time.perf_counter()
        opened = reports.read_run(run)
        reports.write_statistics(opened)
        rows = reports.build_leaderboard(opened)
        built = time.perf_counter()
        notes = reports.run_notes(opened, rows)
        reports.write_leaderboard(rows, run / "leaderboard.parquet", notes)
        written = time.perf_counter()
        read_leaderboard(run / "leaderboard.parquet")
        read = time.perf_counter()
        size = (run / "leaderboard.parquet").stat().st_size
        print(f"{asked.trials:,} trials, {len(reports.column_names(rows))} columns")
        print(f"leaderboard.parquet {size / 1e6:.2f} MB")
        print(f"ranked in {built - began:.2f} s, written in {written - built:.2f} s")
        print(f"all rows read back in {read - written:.2f} s")
        for words in COMMANDS:
            wall, cpu = least_times(run, words, asked.times)
            name = " ".join(["leaderboard RUN", *(f'"{w}"' if " " in w else w for w in words)])
            print(f"{name}: {wall:.2f} s, of that {cpu:.2f} s of CPU")


def least_times(run: Path, words: tuple[str, ...], times: int) -> tuple[float, float]:
    """Wall and CPU seconds of the quickest of several calls of the command."""
    command = [sys.executable, "-m", "search", "leaderboard", str(run), *words]
    walls, cpus = [], []
    for _ in range(times):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(cpus)


def write_run(path: Path, trials: int) -> Path:
    """A finished run directory of made-up trials, without its leaderboard; returns it."""
    path.mkdir(parents=True)
    random = np.random.default_rng(0)
    records = [_record(number, random) for number in range(trials)]
    (path / "trials.jsonl").write_text("".join(f"{record.to_json()}\n" for record in records))
    info = {
        "schema_version": 2,
        "state": "finished",
        "synthetic": True,
        "code": "0" * 16,
        "versions": {"neurosweep": "0.0.0", "python": "3.11.0", "tensorflow": "2.21.0"},
        "data": {"classes": list(CLASSES), "negative_class": "notumor"},
        "experiment": {"name": "made-up", "search": {"objective": "val_accuracy"}},
    }
    (path / "run.yaml").write_text(yaml.safe_dump(info))
    labels = [CLASSES[place % 4] for place in range(VALIDATION + TEST)]
    parts = ["validation"] * VALIDATION + ["test"] * TEST
    files = [f"{place}.png" for place in range(len(labels))]
    split = {"file": files, "label": labels, "part": parts, "group": list(range(len(labels)))}
    pq.write_table(pa.table(split), path / "split.parquet")
    return path


def _record(number: int, random: np.random.Generator) -> TrialRecord:
    status = (Status.COMPLETED, Status.COMPLETED, Status.PRUNED, Status.FAILED)[number % 4]
    family = FAMILIES[int(random.integers(4))]
    return TrialRecord(
        trial_id=f"t{number:05d}",
        stage=Stage.SEARCH,
        origin=Origin.SAMPLER,
        family=family,
        backbone="MobileNetV2" if family == "transfer" else None,
        weights="random" if family == "transfer" else "none",
        status=status,
        stop_reason="finished",
        hyperparameters=_hyperparameters(family, random),
        seed=number,
        epochs=int(random.integers(1, 31)),
        epochs_allowed=30,
        seconds=float(random.uniform(10, 900)),
        data_fingerprint="f" * 64,
        synthetic=True,
        image_size=150,
        parameters=int(random.integers(1e4, 1e7)),
        held_seconds=float(random.uniform(10, 900)),
        gpu_hours=float(random.uniform(0, 0.2)),
        setup_seconds=float(random.uniform(0, 2)),
        tracing_seconds=float(random.uniform(0, 5)),
        started_at=f"2026-11-30T05:{number // 60 % 60:02d}:{number % 60:02d}+00:00",
        finished_at=f"2026-11-30T06:{number // 60 % 60:02d}:{number % 60:02d}+00:00",
        error="ResourceExhaustedError: made up" if status is Status.FAILED else None,
        runtime={"threads": 1, "precision": "float32", "deterministic": True},
        node=f"made-up-{number % 8}",
        split="e" * 64,
        **({} if status is Status.FAILED else _scores(random)),
    )


def _hyperparameters(family: str, random: np.random.Generator) -> dict[str, Any]:
    own = {f"{family}/filters_{layer}": int(2 ** random.integers(3, 8)) for layer in range(1, 6)}
    return {
        "family": family,
        **own,
        f"{family}/dropout": float(random.uniform(0, 0.6)),
        "training/learning_rate": float(10 ** random.uniform(-5, -2)),
        "training/weight_decay": float(10 ** random.uniform(-6, -2)),
        "training/batch_size": int(2 ** random.integers(3, 8)),
        "training/optimizer": ("adam", "adamw", "sgd")[int(random.integers(3))],
    }


def _scores(random: np.random.Generator) -> dict[str, Any]:
    def share() -> float:
        return float(random.uniform(0.5, 1))

    return {
        "val_accuracy": round(share() * VALIDATION) / VALIDATION,
        "val_loss": float(random.uniform(0, 2)),
        "kept_epoch": 1,
        "val_missed_positives": int(random.integers(0, 80)),
        "val_macro_f1": share(),
        "val_roc_auc": share(),
        "val_classes": {
            name: {"precision": share(), "recall": share(), "f1": share(), "support": 285}
            for name in CLASSES
        },
        "val_calibration_error": float(random.uniform(0, 0.3)),
        "val_calibration_error_scaled": float(random.uniform(0, 0.1)),
        "temperature": float(random.uniform(0.5, 3)),
    }


if __name__ == "__main__":
    main()
