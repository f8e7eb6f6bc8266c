"""Features of a frozen backbone: ours, from a memory map onto the disk, against `model.predict`.

ours       images from a memory map in shards through `Extraction`, rounded, hashed, written and
           synced into a fresh `FeatureStore`, which is then asked whether every row is whole.
predict    `model.predict` of the same pooled model, preprocessing inside, batches of 32 (Keras'
           default), over the same images in memory; its outputs stay in memory.

In one process with the same threads, turn by turn, each after a first run that traces; ratios are
ours / predict, the median over the rounds with the least and the most: of the time on the clock,
and of the time on the cores, which other programs on the machine disturb less. The last line is the
peak memory (ru_maxrss) of a fresh process that extracts features with a large backbone at 224 px.
Weights are random.

    python -m benchmarks.feature_extraction [--backbones MobileNetV2 ...] [--size 128]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces import Task
from trainables import Runtime, start
from trainables.features.frozen import Frozen, store_of

BACKBONES = ("MobileNetV2", "EfficientNetB0", "ResNet50V2", "DenseNet121")
_LARGE, _LARGE_SIZE = "ResNet152V2", 224


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a store of features asks of a data set, and the pixels."""

    files: tuple[str, ...]
    fingerprint: str
    cache: Path
    pixels: NDArray[np.uint8]


def mapped_images(folder: Path, images: int, size: int) -> NDArray[np.uint8]:
    """Grey noise, (images, size, size, 1), in a file that is mapped."""
    path = folder / "images.npy"
    noise = np.random.default_rng(0).integers(0, 256, (images, size, size, 1), dtype=np.uint8)
    np.save(path, noise)
    mapped: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return mapped


def frozen_of(backbone: str, size: int) -> Frozen:
    task = Task(image_size=size, channels=1, classes=("a", "b"))
    frozen = Frozen(
        backbone=backbone, weights="random", weights_hash="", preprocessing="native", task=task
    )
    return frozen.known()


def extract(extraction: Any, frozen: Frozen, pixels: NDArray[np.uint8], cache: Path) -> None:
    """All images once, into a store of their own."""
    from trainables.features.shards import shards

    files = tuple(map(str, range(len(pixels))))
    images = Images(files=files, fingerprint="noise", cache=cache, pixels=pixels)
    store, rows = store_of(frozen, images), np.arange(len(pixels))
    with store.filling():
        for shard in shards(store.missing(rows)):
            store.add(shard, extraction.packed(pixels, shard, frozen.view, "float16"))
    if len(store.missing(rows)):
        raise SystemExit("features are missing that were written")


Times = tuple[float, float]
"""Seconds on the clock, and on the cores."""


def timed(run: Callable[[], object]) -> Times:
    clock, cores = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - cores


def times_of(
    ours: Callable[[Path], None], predict: Callable[[], object], *, folder: Path, rounds: int
) -> list[tuple[Times, Times]]:
    """Both in each round, the one that traces left out."""
    found = []
    for turn in range(rounds + 1):
        cache = folder / f"round{turn}"
        found.append((timed(lambda cache=cache: ours(cache)), timed(predict)))
    return found[1:]


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"


def compare(backbone: str, pixels: NDArray[np.uint8], folder: Path, rounds: int) -> None:
    import keras

    from trainables.families import Transfer
    from trainables.features.cached import extraction_of

    frozen = frozen_of(backbone, pixels.shape[1])
    extraction = extraction_of(frozen)
    model = Transfer(frozen.task, weights="random").pooled_maps(backbone)
    in_memory = np.array(pixels)
    found = times_of(
        lambda cache: extract(extraction, frozen, pixels, cache),
        lambda: model.predict(in_memory, batch_size=32, verbose=0),
        folder=folder,
        rounds=rounds,
    )
    clock, cores = ([ours[kind] / peer[kind] for ours, peer in found] for kind in (0, 1))
    rates = [
        len(pixels) / statistics.median(one[0] for one in each) for each in zip(*found, strict=True)
    ]
    print(
        f"{backbone:16} ours {rates[0]:7.1f} images/s   predict {rates[1]:7.1f} images/s   "
        f"clock {spread(clock)}   cores {spread(cores)}",
        flush=True,
    )
    keras.utils.clear_session(free_memory=True)


def show_peak(threads: int) -> None:
    """Peak memory of a fresh process that extracts features of a large backbone."""
    command = [sys.executable, "-m", "benchmarks.feature_extraction", "--peak"]
    done = subprocess.run(
        [*command, "--threads", str(threads)], check=True, capture_output=True, text=True
    )
    gigabytes = float(done.stdout.split()[-1]) * 1024 / 1e9
    print(f"{_LARGE} at {_LARGE_SIZE} px: {gigabytes:.2f} GB at most", flush=True)


def peak(folder: Path) -> int:
    """Largest resident memory of this process, in KiB, after two shards."""
    from trainables.features.cached import extraction_of

    frozen = frozen_of(_LARGE, _LARGE_SIZE)
    pixels = mapped_images(folder, 256, _LARGE_SIZE)
    extract(extraction_of(frozen), frozen, pixels, folder / "cache")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbones", nargs="*", default=BACKBONES)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-peak", action="store_true", help="leave out the peak of memory")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    start(Runtime(threads=options.threads))
    with tempfile.TemporaryDirectory(prefix="feature-extraction-") as name:
        folder = Path(name)
        if options.peak:
            print(peak(folder))
            return
        pixels = mapped_images(folder, options.images, options.size)
        print(f"{options.images} images of {options.size} px, {options.threads} threads")
        for backbone in options.backbones:
            compare(backbone, pixels, folder / backbone, options.rounds)
    print(f"load average {os.getloadavg()[0]:.1f}")
    if not options.no_peak:
        show_peak(options.threads)


if __name__ == "__main__":
    main()
