"""Fine-tuning on the cached output of the frozen part against fine-tuning of the whole network.

    python -m benchmarks.fine_tune_cache --data DIR [--networks NAME …] [--size 96] [--seeds 3]

Both start from the same trained head (or network) and train the same top block with the same
settings on the same images, in turns. Told are the seconds of all epochs, with and without the one
pass that fills the cache, and the accuracies over seeds. Without weights the backbones are random:
their speed is that of trained ones, their accuracy says nothing; the custom family's does.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

import scans
import spaces
import trainables
from spaces import Task
from trainables import FineTune, Recipe, Runtime, start

CUSTOM = "plain_cnn"


@dataclass(frozen=True)
class Turn:
    """One fine-tuning: seconds of its epochs, of everything before them, and its accuracy."""

    epochs: float
    before: float
    accuracy: float


def main() -> None:
    asked = _asked()
    start(Runtime(threads=asked.threads))
    dataset = _dataset(asked)
    print(f"{len(dataset.train)} training and {len(dataset.validation)} validation images")
    for name in asked.networks:
        rows = [
            _compare(_recipe(name, asked, dataset, seed), dataset) for seed in range(asked.seeds)
        ]
        _tell(name, rows)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=["MobileNetV2", "ResNet50V2", CUSTOM])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=1000, help="training images that are used")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="random")
    return parser.parse_args()


def _dataset(asked: argparse.Namespace) -> scans.Dataset:
    manifest = scans.read_manifest(asked.data, cache=scans.default_cache())
    split = scans.divide(
        manifest,
        scans.Division(validation=0.2, seed=0, drop_leaks=False),
        cache=scans.default_cache(),
    )
    source = scans.Source(
        root=manifest.root,
        split=split,
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=scans.default_cache(),
    )
    opened = scans.open_dataset(source, image_size=asked.size, color="grey")
    chosen = np.random.default_rng(0).permutation(opened.train)[: asked.images]
    return replace(opened, train=chosen, cache=Path(tempfile.mkdtemp(prefix="fine-tune-cache-")))


def _recipe(name: str, asked: argparse.Namespace, dataset: scans.Dataset, seed: int) -> Recipe:
    task = Task(image_size=asked.size, channels=1, classes=dataset.classes)
    family = CUSTOM if name == CUSTOM else "transfer"
    papers = spaces.FAMILIES[family].papers(task)
    configuration = dict(
        next(one for one in papers if one.get("transfer/backbone", CUSTOM) == name)
    )
    if name == CUSTOM:
        for step, width in enumerate((16, 32, 64, 128, 128), 1):  # a quarter of the paper's
            configuration[f"plain_cnn/filters_{step}"] = width
    return Recipe(
        configuration=configuration,
        task=task,
        epochs=6,
        seed=seed,
        weights="none" if name == CUSTOM else asked.weights,
        fine_tune=FineTune(epochs=asked.epochs, patience=asked.epochs),
    )


def _compare(recipe: Recipe, dataset: scans.Dataset) -> dict[str, Turn]:
    trained = trainables.fit(replace(recipe, fine_tune=None), dataset, lambda _: True)
    turns = {cache: _turn(recipe, trained, dataset, cache) for cache in ("none", "float16")}
    turns["again"] = _turn(recipe, trained, dataset, "float16")
    shutil.rmtree(dataset.cache / "features", ignore_errors=True)
    return turns


def _turn(
    recipe: Recipe, trained: trainables.FitResult, dataset: scans.Dataset, cache: str
) -> Turn:
    assert recipe.fine_tune is not None
    told = replace(recipe, fine_tune=replace(recipe.fine_tune, cache=cache))
    began = time.perf_counter()
    tuned = trainables.fine_tune(told, trained.weights, dataset, lambda _: True)
    seconds = time.perf_counter() - began
    epochs = sum(epoch["seconds"] for epoch in tuned.history)
    return Turn(epochs=epochs, before=seconds - epochs, accuracy=tuned.val_accuracy)


def _tell(name: str, rows: list[dict[str, Turn]]) -> None:
    def mean(cache: str, figure: str) -> float:
        return fmean(getattr(one[cache], figure) for one in rows)

    whole, cached = mean("none", "epochs"), mean("float16", "epochs")
    all_in = {one: mean(one, "epochs") + mean(one, "before") for one in rows[0]}
    differences = (100 * (one["float16"].accuracy - one["none"].accuracy) for one in rows)
    print(f"{name}: epochs {whole:.1f} s, on the cache {cached:.1f} s: {whole / cached:.1f} x")
    for cache, said in (("float16", "filling the cache"), ("again", "with the cache there")):
        print(
            f"  with all that comes before the epochs {all_in['none']:.1f} s, {said} "
            f"{all_in[cache]:.1f} s: {all_in['none'] / all_in[cache]:.1f} x"
        )
    print(
        f"  accuracy {100 * mean('none', 'accuracy'):.1f} and "
        f"{100 * mean('float16', 'accuracy'):.1f} %, differences by seed "
        f"{', '.join(f'{one:+.1f}' for one in differences)} points",
        flush=True,
    )


if __name__ == "__main__":
    main()
