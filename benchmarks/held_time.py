"""Of the time that a worker is held, the share inside Keras' `fit`: ours, KerasTuner, Ray Tune.

The same network, images, epochs, batch size, number of trials and two CPUs for each, one after the
other, each in a fresh process; learning rates are drawn. Ray itself is started before the clock.

ours          held: the whole search stage of a real run, from Tune's start to its end; inside: the
              epochs' own seconds, training and validation, waits for the scheduler left out.
keras tuner   held: `tuner.search()`, TensorFlow and images being there already; inside: `fit`.
ray tune      held: `tuner.fit()` with a function trainable, which gets a fresh process per trial,
              imports TensorFlow and loads the images; inside: `fit`.

The number of epochs is what ours needs for `--seconds`; the others compute in float32, as Keras
does it, and take longer over the same epochs.

    python -m benchmarks.held_time [--seconds 30] [--trials 6] [--only ours]

KerasTuner needs tensorboard: pip install -c constraints.txt -e '.[bench]'.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_CPUS = 2
_BATCH_SIZE = 32
_EXPERIMENT = """
name: held-time
data: {{path: null, image_size: {size}, color: grey, negative_class: notumor}}
families:
  mini_resnet:
    {{stem_filters: 32, stem_kernel: 3, stem_stride: 2, stem_pool: true, stages: 1, blocks: 2,
      filters: 32, kernel: 3}}
training:
  {{epochs: {epochs}, patience: {epochs}, optimizer: [adam],
   learning_rate: {{min: 1.0e-4, max: 1.0e-3}},
   schedule: [constant], batch_size: [32], weight_decay: 0.0, label_smoothing: 0.0,
   augmentation: false}}
search: {{sampler: random, scheduler: none, trials: {trials}, time_budget: null, papers: false}}
resources: {{workers: 1, cpus_per_trial: 2}}
final: {{fine_tune: false, finalists: 1}}
"""


def run_ours(folder: Path, epochs: int, trials: int, size: int) -> dict[str, float]:
    import reports
    from search.conduct import Request, conduct
    from search.experiment_file import load_experiment

    file = folder / "held-time.yaml"
    file.write_text(_EXPERIMENT.format(epochs=epochs, trials=trials, size=size))
    request = Request(experiment=load_experiment(file, []), output=folder / "run", quiet=True)
    run = reports.read_run(conduct(request))
    inside = sum(epoch.seconds for record in run.records for epoch in run.history(record.trial_id))
    return {
        "held": float(run.info["stages"]["search"]),
        "inside": inside,
        "trials": len(run.records),
        "epoch": inside / sum(record.epochs for record in run.records),
    }


def write_arrays(folder: Path, size: int) -> None:
    """The phantom images of the search, standardised in float32 and whole, for the others."""
    import scans
    from search.experiment import Data
    from search.runs.run_directory import RunDirectory
    from search.stages.prepare import prepare

    run = RunDirectory.create(folder / "prepared", {})
    source, _ = prepare(run, Data(path=None, image_size=size, color="grey"), seed=0)
    dataset = scans.open_dataset(source, image_size=size, color="grey")
    for part in ("train", "validation"):
        rows = getattr(dataset, part)
        pixels = (dataset.images[rows] - dataset.mean) / dataset.std
        np.save(folder / f"{part}-images.npy", pixels.astype(np.float32))
        np.save(folder / f"{part}-labels.npy", dataset.labels[rows])


def load_arrays(folder: Path) -> dict[str, Any]:
    names = ("train-images", "train-labels", "validation-images", "validation-labels")
    return {name: np.load(folder / f"{name}.npy") for name in names}


def build_plain(size: int, rate: float) -> Any:
    """The same network as Keras' own guides would compile it."""
    import keras

    from spaces import Task
    from trainables import Recipe
    from trainables.assemble import build_core

    network = {
        "family": "mini_resnet",
        **{f"mini_resnet/{name}": 32 for name in ("stem_filters", "filters_1")},
        **{f"mini_resnet/{name}": 3 for name in ("stem_kernel", "kernel_1")},
        **{f"mini_resnet/{name}": 2 for name in ("stem_stride", "blocks_1")},
        "mini_resnet/stem_pool": True,
        "mini_resnet/stages": 1,
    }
    task = Task(image_size=size, channels=1, classes=("a", "b", "c", "d"))
    model = build_core(Recipe(configuration=network, task=task, epochs=1, seed=0))
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def fit_plain(model: Any, arrays: dict[str, Any], epochs: int, **options: Any) -> Any:
    return model.fit(
        arrays["train-images"],
        arrays["train-labels"],
        validation_data=(arrays["validation-images"], arrays["validation-labels"]),
        epochs=epochs,
        batch_size=_BATCH_SIZE,
        verbose=0,
        **options,
    )


def run_keras_tuner(folder: Path, epochs: int, trials: int, size: int) -> dict[str, float]:
    import keras
    import keras_tuner

    arrays = load_arrays(folder)
    inside: list[float] = []

    class Model(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            return build_plain(size, hp.Float("rate", 1e-4, 1e-3, sampling="log"))

        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
            del hp
            before = time.perf_counter()
            history = model.fit(*args, **options)
            inside.append(time.perf_counter() - before)
            return history

    tuner = keras_tuner.RandomSearch(
        Model(), objective="val_accuracy", max_trials=trials, seed=1, directory=str(folder / "kt")
    )
    keras.utils.set_random_seed(0)
    before = time.perf_counter()
    tuner.search(
        arrays["train-images"],
        arrays["train-labels"],
        validation_data=(arrays["validation-images"], arrays["validation-labels"]),
        epochs=epochs,
        batch_size=_BATCH_SIZE,
        verbose=0,
    )
    held = time.perf_counter() - before
    return {"held": held, "inside": sum(inside), "trials": len(inside)}


def run_ray_tune(folder: Path, epochs: int, trials: int, size: int) -> dict[str, float]:
    import ray
    from ray import tune

    root = str(Path(__file__).resolve().parents[1])

    def trainable(config: dict[str, float]) -> None:
        sys.path.insert(0, root)
        arrays = load_arrays(folder)
        model = build_plain(size, config["rate"])
        before = time.perf_counter()
        history = fit_plain(model, arrays, epochs)
        inside = time.perf_counter() - before
        tune.report({"val_accuracy": max(history.history["val_accuracy"]), "inside": inside})

    ray.init(num_cpus=_CPUS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": _CPUS}),
        param_space={"rate": tune.loguniform(1e-4, 1e-3)},
        tune_config=tune.TuneConfig(num_samples=trials, metric="val_accuracy", mode="max"),
        run_config=tune.RunConfig(storage_path=str(folder / "tune"), verbose=0),
    )
    before = time.perf_counter()
    results = tuner.fit()
    held = time.perf_counter() - before
    ends = [one.metrics["inside"] for one in results if one.metrics and "inside" in one.metrics]
    return {"held": held, "inside": sum(ends), "trials": len(ends)}


PEERS: dict[str, Callable[[Path, int, int, int], dict[str, float]]] = {
    "ours": run_ours,
    "keras tuner": run_keras_tuner,
    "ray tune": run_ray_tune,
}


def in_fresh_process(peer: str, *, folder: Path, epochs: int, trials: int, size: int) -> Any:
    """Run one of them in a process of its own; its figures."""
    answer = folder / "answer.json"
    told = json.dumps([peer, str(folder), epochs, trials, size])
    command = [sys.executable, "-m", "benchmarks.held_time", "--run", told]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr[-3000:]}")
    return json.loads(answer.read_text())


def show(peer: str, found: dict[str, float]) -> None:
    mean = found["inside"] / found["trials"]
    print(
        f"{peer:12} {found['inside'] / found['held']:6.1%} of {found['held']:7.1f} s held; "
        f"{found['trials']:.0f} trials of {mean:5.1f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of one trial of ours")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--only", choices=PEERS, help="one of the three")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        peer, folder, epochs, trials, size = json.loads(options.run)
        found = PEERS[peer](Path(folder), epochs, trials, size)
        (Path(folder) / "answer.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(prefix="held-time-") as name:
        folder, size = Path(name), options.image_size
        write_arrays(folder, size)
        (folder / "first").mkdir()
        first = in_fresh_process("ours", folder=folder / "first", epochs=3, trials=1, size=size)
        epochs = math.ceil(options.seconds / first["epoch"])
        print(f"{epochs} epochs per trial, {options.trials} trials, {size} px, {_CPUS} CPUs")
        for peer in [options.only] if options.only else PEERS:
            found = in_fresh_process(
                peer, folder=folder, epochs=epochs, trials=options.trials, size=size
            )
            show(peer, found)


if __name__ == "__main__":
    main()
