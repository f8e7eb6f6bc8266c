"""What tie groups and the corrected accuracy of a run cost: processor seconds and memory.

Makes a run directory of trials that were never trained, with predictions drawn at random, then
works out its statistics as the end of a search does, and reads its leaderboard again.

    python -m benchmarks.run_statistics [--trials 60] [--images 1000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from reports import Origin, Stage, Status, TrialRecord, build_leaderboard, read_run
from reports import write_statistics as keep

_CLASSES = ["a", "b", "c", "d"]
_TIME = "2026-01-01T00:00:00+00:00"


def main() -> None:
    """Print what each step took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_run(path, options.trials, options.images)
        for name, step in (("worked out", keep), ("read again", build_leaderboard)):
            run, began = read_run(path), time.process_time()
            step(run)
            print(f"{name}: {time.process_time() - began:.2f} s of processor time")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most {peak:,.0f} MiB")


def write_run(path: Path, trials: int, images: int) -> None:
    """Write a run directory whose trials are right on 85 to 95 % of the images, by chance."""
    random, labels = np.random.default_rng(0), np.arange(images) % len(_CLASSES)
    (path / "run.yaml").write_text(
        yaml.safe_dump({"schema_version": 2, "state": "finished", "data": {"classes": _CLASSES}})
    )
    split = {
        "file": [str(number) for number in range(images)],
        "label": [_CLASSES[label] for label in labels],
        "part": ["validation"] * images,
        "group": list(range(images)),
    }
    pq.write_table(pa.table(split), path / "split.parquet")
    with (path / "trials.jsonl").open("w") as lines:
        for number in range(trials):
            wrong = random.random(images) < random.uniform(0.05, 0.15)
            answers = np.full((images, len(_CLASSES)), 0.05, np.float32)
            answers[np.arange(images), (labels + wrong) % len(_CLASSES)] = 0.85
            record = _record(f"t{number:05d}", float((~wrong).mean()))
            (path / "trials" / record.trial_id).mkdir(parents=True)
            np.save(path / "trials" / record.trial_id / "validation.npy", answers)
            lines.write(record.to_json() + "\n")


def _record(trial_id: str, accuracy: float) -> TrialRecord:
    return TrialRecord(
        trial_id=trial_id,
        stage=Stage.SEARCH,
        origin=Origin.SAMPLER,
        family="never trained",
        status=Status.COMPLETED,
        hyperparameters={},
        seed=0,
        val_accuracy=accuracy,
        val_loss=1 - accuracy,
        epochs=1,
        epochs_allowed=1,
        seconds=0.0,
        data_fingerprint="none",
        synthetic=True,
        image_size=1,
        started_at=_TIME,
        finished_at=_TIME,
    )


if __name__ == "__main__":
    main()
