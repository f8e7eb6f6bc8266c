"""A search over heads of one frozen backbone, end to end: ours against KerasTuner.

Both in a fresh process each, on the same phantom images with the same division, two CPUs, the same
space of heads and of training, the same number of trials and epochs; nothing is stopped early, and
random weights cost what ImageNet's do.

ours          `neurosweep search` with its defaults: the start of Python, Ray and TensorFlow, the
              audit, the measurement of precision, features and screening of the one backbone, the
              trials, test figures, the published winner and the report. Features are computed anew.
keras tuner   `RandomSearch`, the start of Python and TensorFlow, and arrays that lie on the disk
              preprocessed; the frozen backbone is part of each trial's model.
forward pass  `model.predict` of the backbone over the training and validation images once, without
              any start: what no method that looks at each image once can beat.

Images are decoded before the clock for both. With `--peer-trials N` KerasTuner has N trials, and
the part of its seconds that its trials took is scaled to all of them.

    python -m benchmarks.head_search [--images 7023] [--peer-trials 3] [--only ours]

7,023 is the number of images of the Kaggle set. Two workers with a CPU each are what our search
takes by itself on two cores; KerasTuner trains one trial after the other, on both.

KerasTuner needs tensorboard: pip install -c constraints.txt -e '.[bench]'.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

_BACKBONE = "MobileNetV2"
_CPUS = 2
_PATIENCE = 1000  # nobody stops early
_EXPERIMENT = """
name: head-search
data: {{path: {images}, image_size: {size}, color: grey, negative_class: notumor}}
families:
  transfer: {{backbones: [{backbone}], keep: 1, weights: random, image_size: {size}}}
training: {{epochs: {epochs}, patience: {patience}}}
search: {{scheduler: none, trials: {trials}, time_budget: null, papers: false}}
resources: {{workers: {workers}, cpus_per_trial: {cpus}}}
final: {{fine_tune: false, finalists: 1}}
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is searched."""

    folder: str
    image_size: int
    trials: int
    epochs: int
    workers: int


def prepare_images(setting: Setting, images: int) -> tuple[int, int]:
    """Writes phantom images, decodes them into our cache, and writes KerasTuner's arrays."""
    import scans
    from scans.phantom import write_phantom
    from search.experiment import Data
    from search.runs.run_directory import RunDirectory
    from search.stages.prepare import prepare

    folder = Path(setting.folder)
    write_phantom(folder / "images", images=images)
    data = Data(path=folder / "images", image_size=setting.image_size, color="grey")
    source, _ = prepare(RunDirectory.create(folder / "prepared", {}), data, seed=0)
    dataset = scans.open_dataset(source, image_size=setting.image_size, color="grey")
    for part in ("train", "validation"):
        rows = getattr(dataset, part)
        pixels = dataset.images[rows].astype(np.float32) / np.float32(127.5) - 1
        np.save(folder / f"{part}-images.npy", np.repeat(pixels, 3, axis=3))
        np.save(folder / f"{part}-labels.npy", dataset.labels[rows])
    return len(dataset.train), len(dataset.validation)


def search_ours(setting: Setting) -> dict[str, float]:
    """Seconds of the command from its start to its end, and of its stages."""
    import reports

    folder = Path(setting.folder)
    told = _EXPERIMENT.format(
        images=folder / "images",
        size=setting.image_size,
        backbone=_BACKBONE,
        epochs=setting.epochs,
        trials=setting.trials,
        patience=_PATIENCE,
        workers=setting.workers,
        cpus=_CPUS // setting.workers,
    )
    (folder / "head-search.yaml").write_text(told)
    command = [sys.executable, "-m", "search", "search", str(folder / "head-search.yaml")]
    began = time.perf_counter()
    run_quietly([*command, "--output", str(folder / "run"), "--quiet"])
    seconds = time.perf_counter() - began
    run = reports.read_run(folder / "run")
    trained = [record for record in run.records if record.stage == reports.Stage.SEARCH]
    epochs = sum(record.epochs for record in trained)
    if len(trained) != setting.trials or epochs != setting.trials * setting.epochs:
        raise SystemExit(f"ours trained {len(trained)} trials and {epochs} epochs")
    return {"seconds": seconds, **run.info["stages"]}


def run_quietly(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}\n{done.stdout[-1000:]}")


def load_arrays(folder: Path) -> dict[str, Any]:
    names = ("train-images", "train-labels", "validation-images", "validation-labels")
    return {name: np.load(folder / f"{name}.npy") for name in names}


def frozen_backbone(size: int) -> Any:
    import keras

    backbone = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    backbone.trainable = False
    return backbone


def build_plain(hp: Any, size: int, classes: int, steps: int) -> Any:
    """A frozen backbone and a head, as Keras' guide to transfer learning builds it."""
    import keras

    from trainables.optimizers import build_optimizer
    from trainables.settings import TrainingSettings

    images = keras.Input((size, size, 3))
    maps = frozen_backbone(size)(images, training=False)
    pools = {
        "average": [keras.layers.GlobalAveragePooling2D()],
        "max": [keras.layers.GlobalMaxPooling2D()],
    }
    pools["both"] = pools["average"] + pools["max"]
    features = [pool(maps) for pool in pools[hp.get("transfer/pooling")]]
    outputs = features[0] if len(features) == 1 else keras.layers.Concatenate()(features)
    for step in range(1, hp.get("transfer/fc_layers") + 1):
        outputs = keras.layers.Dropout(hp.get("transfer/dropout"))(outputs)
        outputs = keras.layers.Dense(hp.get(f"transfer/width_{step}"))(outputs)
        outputs = keras.layers.Activation(hp.get("transfer/activation"))(outputs)
    model = keras.Model(images, keras.layers.Dense(classes, activation="softmax")(outputs))
    training = TrainingSettings.read({name.split("#")[0]: hp.values[name] for name in hp.values})
    model.compile(
        optimizer=build_optimizer(training, steps=steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing),
        metrics=["accuracy"],
    )
    return model


def without_twins(space: Any) -> Any:
    """The same space with a name of its own for each hyperparameter, NAME#2 for a second one.

    KerasTuner 1.4.8 forgets the value of a hyperparameter whose name stands under another
    condition as well.
    """
    import keras_tuner

    told = space.get_config()
    seen: dict[str, int] = {}
    for entry in told["space"]:
        name = entry["config"]["name"]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            entry["config"]["name"] = f"{name}#{seen[name]}"
    told["values"] = {}
    renamed = keras_tuner.HyperParameters.from_config(told)
    renamed.ensure_active_values()  # KerasTuner builds a model before it draws any
    return renamed


def search_with_keras_tuner(setting: Setting) -> dict[str, float]:
    """Seconds inside `search`, on the clock and on the cores; the caller has the whole process'."""
    import keras
    import keras_tuner

    import spaces

    folder, size, epochs = Path(setting.folder), setting.image_size, setting.epochs
    arrays = load_arrays(folder)
    labels = arrays["train-labels"]
    classes = int(labels.max()) + 1
    task = spaces.Task(image_size=size, channels=1, classes=tuple("abcdefgh"[:classes]))
    space = spaces.declare_space(
        task,
        {"transfer": {"backbones": [_BACKBONE], "image_size": size}},
        {"patience": _PATIENCE},
    )
    weights = len(labels) / (classes * np.bincount(labels, minlength=classes))
    balanced = dict(enumerate(weights.tolist()))
    one_hot = np.eye(classes, dtype=np.float32)

    class Model(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            steps = epochs * -(-len(labels) // hp.get("training/batch_size"))
            return build_plain(hp, size, classes, steps)

        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
            weighted = hp.get("transfer/class_weights") == "balanced"
            return model.fit(
                *args,
                batch_size=hp.get("training/batch_size"),
                class_weight=balanced if weighted else None,
                **options,
            )

    keras.utils.set_random_seed(0)
    tuner = keras_tuner.RandomSearch(
        Model(),
        objective="val_accuracy",
        max_trials=setting.trials,
        executions_per_trial=1,
        hyperparameters=without_twins(space),
        tune_new_entries=False,
        seed=1,
        directory=str(folder / "keras-tuner"),
    )
    began, cores = time.perf_counter(), time.process_time()
    tuner.search(
        arrays["train-images"],
        one_hot[labels],
        validation_data=(arrays["validation-images"], one_hot[arrays["validation-labels"]]),
        epochs=epochs,
        verbose=0,
    )
    return {
        "inside": time.perf_counter() - began,
        "core_seconds": time.process_time() - cores,
    }


def pass_once(setting: Setting) -> dict[str, float]:
    """Seconds of one forward pass over training and validation images, after a first batch."""
    import keras

    arrays, size = load_arrays(Path(setting.folder)), setting.image_size
    images = np.concatenate([arrays["train-images"], arrays["validation-images"]])
    backbone = frozen_backbone(size)
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(backbone.input, pooled)
    model.predict(images[:33], verbose=0)
    began = time.perf_counter()
    model.predict(images, verbose=0)
    return {"seconds": time.perf_counter() - began}


INSIDE = {"keras tuner": search_with_keras_tuner, "forward pass": pass_once}


def in_fresh_process(name: str, setting: Setting) -> dict[str, float]:
    """Runs one of `INSIDE` in a process of its own; its figures, and `whole` seconds."""
    answer = Path(setting.folder) / "answer.json"
    told = json.dumps([name, asdict(setting)])
    began = time.perf_counter()
    run_quietly([sys.executable, "-m", "benchmarks.head_search", "--run", told])
    return {**json.loads(answer.read_text()), "whole": time.perf_counter() - began}


def scaled(found: dict[str, float], trials: int, of: int) -> float:
    """Seconds of all trials, where only some were run: the start once, the rest in proportion."""
    return found["whole"] - found["inside"] + found["inside"] * of / trials


def load() -> str:
    return f"load average {os.getloadavg()[0]:.1f}"


def compare(setting: Setting, options: argparse.Namespace) -> None:
    """Runs what was asked for, one after the other, and prints it."""
    seconds: dict[str, float] = {}
    if options.only in (None, "ours"):
        found = search_ours(setting)
        seconds["ours"] = found.pop("seconds")
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in found.items())
        print(f"ours          {seconds['ours']:8.1f} s  ({stages}); {load()}", flush=True)
    if options.only in (None, "forward pass"):
        once = in_fresh_process("forward pass", setting)["seconds"]
        print(f"forward pass  {once:8.1f} s; {load()}", flush=True)
    if options.only in (None, "keras tuner"):
        trials = options.peer_trials or setting.trials
        peer = Setting(**{**asdict(setting), "trials": trials})
        found = in_fresh_process("keras tuner", peer)
        seconds["keras tuner"] = scaled(found, trials, setting.trials)
        how = f"{found['whole']:.1f} s for {trials} of {setting.trials} trials"
        how += f", {found['core_seconds']:.0f} s on the cores"
        print(f"keras tuner   {seconds['keras tuner']:8.1f} s  ({how}); {load()}", flush=True)
    if len(seconds) > 1:
        print(f"keras tuner / ours: {seconds['keras tuner'] / seconds['ours']:.1f} x", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=7023, help="a fifth of them is for the test")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, choices=[1, 2], help="of ours")
    parser.add_argument("--peer-trials", type=int, help="of KerasTuner; the rest is extrapolated")
    parser.add_argument("--only", choices=["ours", *INSIDE])
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        name, told = json.loads(options.run)
        found = INSIDE[name](Setting(**told))
        (Path(told["folder"]) / "answer.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(prefix="head-search-") as folder:
        os.environ |= {
            "NEUROSWEEP_CACHE": str(Path(folder) / "cache"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        setting = Setting(
            folder=folder,
            image_size=options.image_size,
            trials=options.trials,
            epochs=options.epochs,
            workers=options.workers,
        )
        train, validation = prepare_images(setting, options.images)
        print(
            f"{setting.trials} trials x {setting.epochs} epochs, {train} training and {validation} "
            f"validation images of {setting.image_size} px, {_BACKBONE}; {load()}",
            flush=True,
        )
        compare(setting, options)


if __name__ == "__main__":
    main()
