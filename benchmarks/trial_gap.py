"""The gap between two trials on one worker, in a real search over small networks.

A trial's `setup_seconds` run from the end of the last epoch its worker trained before to the entry
into Keras' `fit`: results through Ray, the books on disk, Optuna's suggestion, Tune's loop, the
network and its models. The first trial of each worker waits for TensorFlow as well and stands
apart.

    python -m benchmarks.trial_gap [--trials 40] [--workers 1] [--families mini_resnet,plain_cnn]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import reports
from reports import TrialRecord
from search.conduct import Request, conduct
from search.experiment_file import load_experiment

_SMALL = [
    "training.epochs=3",
    "training.patience=3",
    "training.batch_size=[32]",
    "final.fine_tune=false",
    "final.finalists=1",
    "final.ensemble=false",
    "search.time_budget=null",
]


def search(trials: int, workers: int, families: str, folder: Path) -> list[TrialRecord]:
    """The records of a search in the demo's space, each trial at most three short epochs."""
    overrides = [*_SMALL, f"search.trials={trials}", f"resources.workers={workers}"]
    experiment = load_experiment(None, overrides)
    if families:
        named = {name: experiment.families[name] for name in families.split(",")}
        experiment = experiment.model_copy(update={"families": named})
    request = Request(experiment=experiment, output=folder / "run", quiet=True)
    return reports.read_run(conduct(request)).records


def line(name: str, seconds: Iterable[float]) -> str:
    values = sorted(seconds)
    if not values:
        return f"{name:28} none"
    worst = values[min(len(values) - 1, int(0.9 * len(values)))]
    return (
        f"{name:28} median {median(values):6.3f} s   nine of ten below {worst:6.3f} s   "
        f"longest {values[-1]:6.3f} s   ({len(values)})"
    )


def show(records: Sequence[TrialRecord], workers: int) -> None:
    ordered = sorted(records, key=lambda record: record.started_at)
    warm = [record for record in ordered[workers:] if record.setup_seconds is not None]
    print(line("first of a worker", (r.setup_seconds or 0.0 for r in ordered[:workers])))
    print(line("gap between trials", (r.setup_seconds or 0.0 for r in warm)))
    for status in sorted({str(record.status) for record in warm}):
        gaps = (r.setup_seconds or 0.0 for r in warm if r.status == status)
        print(line(f"  before one that {status}", gaps))
    for model in sorted({record.backbone or record.family for record in warm}):
        own = [record for record in warm if (record.backbone or record.family) == model]
        print(line(f"  {model}", (r.setup_seconds or 0.0 for r in own)))
        print(line(f"  {model}, tracing", (r.tracing_seconds or 0.0 for r in own)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--families", default="", help="only these, separated by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trial-gap-") as name:
        records = search(options.trials, options.workers, options.families, Path(name))
    show(records, options.workers)


if __name__ == "__main__":
    main()
