"""A head on cached features: a whole training of ours against Keras' default `fit`.

One hidden layer of 128, Adam, no dropout, features drawn at random around a point per class. Each
training runs in a process of its own, ours and Keras' in turns, on the same features.

keras   a plain process as Keras' guides start it: default threads, all cores, `fit` with shuffling
        and accuracy.
ours    `HeadBench` under `trainables.start`, on all cores too unless `--threads` says otherwise;
        tracing is included.

Without `--validation` neither measures anything but loss and accuracy of training.

    python -m benchmarks.head_training [--batches 32 256] [--rounds 3] [--validation]

First it is checked that from the same first weights, with the same batches in the same order, both
come to the same losses over a few epochs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLASSES = ("a", "b", "c", "d")
_LENGTH, _WIDTH = 1280, 128  # MobileNetV2's features; one hidden layer
_SEED = 3


def features(images: int, *, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(images, length) above 0, as pooled maps are, and labels: classes that overlap."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0.0, 0.05, (len(_CLASSES), _LENGTH))
    labels = generator.integers(0, len(_CLASSES), images)
    values = np.abs(generator.normal(centres[labels], 1.0)).astype(np.float32)
    return values, labels


def recipe_of(batch: int, epochs: int) -> Any:
    from spaces import Task
    from trainables import Recipe

    return Recipe(
        configuration={
            "family": "transfer",
            "transfer/backbone": "MobileNetV2",
            "transfer/pooling": "average",
            "transfer/dropout": 0.0,
            "transfer/fc_layers": 1,
            "transfer/width_1": _WIDTH,
            "transfer/activation": "relu",
            "transfer/class_weights": "none",
            "training/optimizer": "adam",
            "training/learning_rate": 1e-3,
            "training/schedule": "constant",
            "training/batch_size": batch,
            "training/weight_decay": 0.0,
            "training/label_smoothing": 0.0,
            "training/augmentation": False,
            "training/patience": epochs,
        },
        task=Task(image_size=128, channels=1, classes=_CLASSES),
        epochs=epochs,
        seed=_SEED,
        weights="random",
    )


def train_ours(told: dict[str, Any]) -> dict[str, Any]:
    """A whole training; its seconds and the loss of each epoch."""
    from trainables import Runtime, start

    start(Runtime(threads=told["threads"]))
    import keras

    from trainables.head_bench import HeadBench, HeadData
    from trainables.settings import TrainingSettings

    recipe = recipe_of(told["batch"], told["epochs"])
    values, labels = features(told["images"], seed=1)
    held, truth = features(told["images"] // 4, seed=2)
    data = HeadData(
        train=values[None], train_labels=labels, validation=held, validation_labels=truth
    )
    losses: list[float] = []

    class Noted(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            del epoch
            losses.append((logs or {})["loss"])
            if told["validation"]:
                bench.score()

    keras.utils.set_random_seed(_SEED)
    began = time.perf_counter()
    bench = HeadBench(recipe, data)
    settings = TrainingSettings.read(recipe.configuration)
    model = bench.compile(settings, steps=told["epochs"] * bench.steps(settings))
    bench.run(model, Noted(), settings=settings, seed=_SEED, epochs=range(told["epochs"]))
    return {"seconds": time.perf_counter() - began, "losses": losses}


def train_keras(told: dict[str, Any]) -> dict[str, Any]:
    """The same as Keras' guides write it; with `check` in our order of the images."""
    import keras

    values, labels = features(told["images"], seed=1)
    held, truth = features(told["images"] // 4, seed=2)
    one_hot = np.eye(len(_CLASSES), dtype=np.float32)
    keras.utils.set_random_seed(_SEED)
    began = time.perf_counter()
    model = plain_head()
    options: dict[str, Any] = {"batch_size": told["batch"], "verbose": 0}
    if told["validation"]:
        options["validation_data"] = (held, one_hot[truth])
    if told["check"]:
        losses = []
        for epoch in range(told["epochs"]):
            order = np.random.default_rng([_SEED, epoch + 1]).permutation(len(labels))
            found = model.fit(values[order], one_hot[labels[order]], shuffle=False, **options)
            losses.append(found.history["loss"][0])
    else:
        found = model.fit(values, one_hot[labels], epochs=told["epochs"], **options)
        losses = found.history["loss"]
    return {"seconds": time.perf_counter() - began, "losses": losses}


def plain_head() -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.Input((_LENGTH,)),
            keras.layers.Dense(_WIDTH, activation="relu"),
            keras.layers.Dense(len(_CLASSES), activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


PEERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ours": train_ours,
    "keras": train_keras,
}


def in_fresh_process(peer: str, **told: Any) -> dict[str, Any]:
    """What one training gave."""
    with tempfile.TemporaryDirectory(prefix="head-training-") as name:
        answer = Path(name) / "answer.json"
        told |= {"answer": str(answer)}
        command = [sys.executable, "-m", "benchmarks.head_training", "--run"]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [*command, json.dumps([peer, told])],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{peer} failed:\n{done.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def check_alike(images: int, batch: int, threads: int) -> None:
    """Same first weights, same order: the losses of five epochs agree."""
    told = {"images": images, "batch": batch, "epochs": 5, "validation": False}
    told |= {"check": True, "threads": threads}
    ours, keras = (np.array(in_fresh_process(peer, **told)["losses"]) for peer in PEERS)
    apart = float(np.abs(ours - keras).max())
    print(f"batch {batch}: losses of five epochs differ by {apart:.1e} at most", flush=True)
    if apart > 1e-4:
        raise SystemExit(f"ours {ours.tolist()}\nkeras {keras.tolist()}")


def compare(batch: int, options: argparse.Namespace) -> None:
    """Both in turns, and the median of the ratios."""
    told = {
        "images": options.images,
        "batch": batch,
        "epochs": options.epochs,
        "validation": options.validation,
        "threads": options.threads,
        "check": False,
    }
    times = [
        [in_fresh_process(peer, **told)["seconds"] for peer in PEERS] for _ in range(options.rounds)
    ]
    ratios = [ours / keras for ours, keras in times]
    middle = [statistics.median(each) for each in zip(*times, strict=True)]
    print(
        f"batch {batch}: {options.epochs} epochs, ours {middle[0]:.1f} s, Keras {middle[1]:.1f} s; "
        f"{statistics.median(ratios):.3f} x ({min(ratios):.3f} to {max(ratios):.3f}); "
        f"load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batches", type=int, nargs="*", default=[32, 256])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours")
    parser.add_argument("--validation", action="store_true", help="both measure after each epoch")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        peer, told = json.loads(options.run)
        Path(told["answer"]).write_text(json.dumps(PEERS[peer](told)))
        return
    for batch in options.batches:
        check_alike(options.images, batch, options.threads)
    for batch in options.batches:
        compare(batch, options)


if __name__ == "__main__":
    main()
