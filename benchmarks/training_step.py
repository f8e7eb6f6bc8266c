"""Images per second in training: plain Keras against ours, in one process, turn by turn.

Plain: float32, Keras' own batch norm, `model.fit` on arrays already standardised in memory.
Ours: what `trainables.fit` runs, from bytes in a memory map, with the fused batch norm and the
precision named. Both on the same network, batch size, threads and optimiser. The variant that a
search would choose, by the short measurement it makes, is marked.

    python -m benchmarks.training_step [--image-size 96] [--threads 2] [--batch-size 32]

All of it under deterministic operations, as a search runs on CPUs; `--without-determinism` takes
Keras' default, for plain Keras and for ours.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from scans import Dataset
from spaces import Task, Value
from trainables import Recipe, Runtime, start

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
# The variant that a search chooses on a CPU with bf16 units, and its parts.
VARIANTS = (("float32", True), ("mixed_bfloat16", False), ("mixed_bfloat16", True))
ROUNDS = 4


def plain_cnn(filters: list[int], width: int) -> dict[str, Value]:
    blocks = {
        f"plain_cnn/{name}_{step}": value
        for step, number in enumerate(filters, start=1)
        for name, value in {"filters": number, "kernel": 3, "stride": 1, "pool": "max"}.items()
    }
    return {
        "family": "plain_cnn",
        "plain_cnn/blocks": len(filters),
        **blocks,
        "plain_cnn/fc_layers": 1,
        "plain_cnn/fc_width_1": width,
        "plain_cnn/dropout": 0.0,
    }


def mini_vgg(filters: list[int], *, batch_norm: bool) -> dict[str, Value]:
    return {
        "family": "mini_vgg",
        "mini_vgg/blocks": len(filters),
        "mini_vgg/convs": 2,
        **{f"mini_vgg/filters_{step}": number for step, number in enumerate(filters, start=1)},
        "mini_vgg/hidden_width_1": 128,
        "mini_vgg/hidden_width_2": 128,
        "mini_vgg/dropout": 0.0,
        "mini_vgg/batch_norm": batch_norm,
    }


def mini_resnet(filters: int, stem_kernel: int) -> dict[str, Value]:
    return {
        "family": "mini_resnet",
        "mini_resnet/stem_filters": filters,
        "mini_resnet/stem_kernel": stem_kernel,
        "mini_resnet/stem_stride": 2,
        "mini_resnet/stem_pool": True,
        "mini_resnet/stages": 1,
        "mini_resnet/blocks_1": 2,
        "mini_resnet/filters_1": filters,
        "mini_resnet/kernel_1": 3,
    }


# The papers' networks at a quarter of their width where a step of theirs takes seconds on two
# cores (the residual network is cheap at full width), and a small one of each family.
NETWORKS = {
    "plain_cnn, paper's / 4": plain_cnn([16, 32, 64, 128, 128], 128),
    "plain_cnn, small": plain_cnn([16, 32, 32], 64),
    "mini_vgg, paper's / 4": mini_vgg([16, 32, 64], batch_norm=False),
    "mini_vgg, small with batch norm": mini_vgg([16, 16, 32], batch_norm=True),
    "mini_resnet, paper's": mini_resnet(64, 7),
    "mini_resnet, small": mini_resnet(16, 3),
}


def random_dataset(size: int, images: int) -> Dataset:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (images, size, size, 1), dtype=np.uint8)
    rows = np.arange(images)
    return Dataset(
        images=pixels,
        labels=generator.integers(0, len(CLASSES), images),
        classes=CLASSES,
        train=rows,
        validation=rows[:8],
        test=rows[:8],
        mean=np.array([127.5], np.float32),
        std=np.array([73.9], np.float32),
        files=tuple(map(str, rows)),
        fingerprint="random",
        synthetic=True,
        cache=Path("none is used"),
    )


def recipe_of(network: dict[str, Value], *, image_size: int, batch_size: int) -> Recipe:
    training: dict[str, Value] = {
        "training/optimizer": "adam",
        "training/learning_rate": 1e-3,
        "training/schedule": "constant",
        "training/batch_size": batch_size,
        "training/weight_decay": 0.0,
        "training/label_smoothing": 0.0,
        "training/augmentation": False,
        "training/patience": 6,
    }
    task = Task(image_size=image_size, channels=1, classes=CLASSES)
    return Recipe(configuration=network | training, task=task, epochs=1, seed=0)


def plain_epoch(recipe: Recipe, dataset: Dataset) -> Callable[[], object]:
    """One epoch as Keras' own guide would write it."""
    from trainables.assemble import build_core

    model = build_core(recipe)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    images = ((dataset.images - dataset.mean) / dataset.std).astype(np.float32)
    targets = np.eye(len(CLASSES), dtype=np.float32)[dataset.labels]
    batch_size = int(recipe.configuration["training/batch_size"])
    return lambda: model.fit(images, targets, batch_size=batch_size, verbose=0)


def our_epoch(
    recipe: Recipe, dataset: Dataset, *, precision: str, fused: bool, threads: int
) -> Callable[[], object]:
    """One epoch of what `trainables.fit` trains, without its validation."""
    from trainables.assemble import build_core
    from trainables.batches import EpochBatches
    from trainables.bench import Bench
    from trainables.settings import TrainingSettings

    runtime = Runtime(threads=threads, precision=precision, fused_batch_norm=fused)
    settings = TrainingSettings.read(recipe.configuration)
    core = build_core(recipe, precision=precision, fused_batch_norm=fused)
    model = Bench(recipe, core, dataset, runtime=runtime).compile(settings, steps=1000)
    batches = EpochBatches(dataset, dataset.train, batch_size=settings.batch_size, seed=0)
    return lambda: model.fit(batches, verbose=0, shuffle=False)


def label_of(precision: str, *, fused: bool) -> str:
    return f"{precision}{' + fused' if fused else ''}"


def measured_choice(image_size: int, threads: int) -> str:
    from trainables import measure_precision

    found = measure_precision(family="plain_cnn", image_size=image_size, channels=1, with_xla=False)
    print(f"measured at {image_size} px, {threads} threads: {found['images_per_second']}")
    return label_of(found["precision"], fused=found["fused_batch_norm"])


def fastest(epochs: dict[str, Callable[[], object]]) -> Iterator[tuple[str, float]]:
    """Seconds of each one's fastest epoch, after a first one that traces; turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(ROUNDS + 1):
        for name, run in epochs.items():
            before = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - before)
    return ((name, min(each)) for name, each in times.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--without-determinism", action="store_true")
    options = parser.parse_args()
    deterministic = not options.without_determinism
    start(Runtime(threads=options.threads, deterministic=deterministic))
    import keras

    keras.utils.set_random_seed(0)  # deterministic operations ask for one
    # A search measures under determinism, and a process keeps what it was started with.
    chosen = measured_choice(options.image_size, options.threads) if deterministic else ""
    dataset = random_dataset(options.image_size, options.images)
    for name, network in NETWORKS.items():
        if options.only not in name:
            continue
        recipe = recipe_of(network, image_size=options.image_size, batch_size=options.batch_size)
        epochs = {"plain Keras": plain_epoch(recipe, dataset)}
        for precision, fused in VARIANTS:
            epochs[label_of(precision, fused=fused)] = our_epoch(
                recipe, dataset, precision=precision, fused=fused, threads=options.threads
            )
        rates = {each: options.images / seconds for each, seconds in fastest(epochs)}
        print(name, flush=True)
        for each, rate in rates.items():
            ratio = rate / rates["plain Keras"]
            mark = "   <- what a search chooses" if each == chosen else ""
            print(f"  {each:24} {rate:8.1f} images/s   {ratio:5.2f} x{mark}", flush=True)


if __name__ == "__main__":
    main()
