"""The single measurements of `benchmarks.decoded_cache`; each runs in a process of its own."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

import scans

BATCH = 32
EPOCHS = 3  # fed one after another; the first also warms up and does not count
CORES = len(os.sched_getaffinity(0))


def jpegs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def source_of(folder: Path, cache: Path) -> scans.Source:
    """All JPEGs as training images, without the manifest, which is not what is measured."""
    files = [path.relative_to(folder).as_posix() for path in jpegs(folder)]
    labels = [Path(file).parent.name for file in files]
    return source(folder, cache, files, labels)


def source(root: Path, cache: Path, files: list[str], labels: list[str]) -> scans.Source:
    split = pa.table({"file": files, "label": labels, "part": ["train"] * len(files)})
    return scans.Source(
        root=root,
        split=split,
        classes=tuple(sorted(set(labels))),
        fingerprint="benchmark".ljust(64, "0"),
        synthetic=False,
        cache=cache,
    )


def build(folder: Path, cache: Path, size: int) -> None:
    """What a first start adds to a second one: decode, resize, hash, write, sync."""
    from scans.caches.decoded import DecodedImages, open_images

    files = tuple(path.relative_to(folder).as_posix() for path in jpegs(folder))
    wanted = DecodedImages(
        root=folder,
        files=files,
        fingerprint="build".ljust(64, "0"),
        content=None,
        image_size=size,
        color="grey",
    )
    shutil.rmtree(wanted.folder(cache), ignore_errors=True)
    began = time.perf_counter()
    open_images(wanted, cache)
    print(f"build={len(files) / (time.perf_counter() - began)}")


def plain(size: int, paths: Sequence[Path]) -> int:
    """Decode, convert and resize as Pillow's own guide would; the pixels are dropped."""
    for path in paths:
        with Image.open(path) as image:
            grey = image.convert("L").resize((size, size), Image.Resampling.BILINEAR)
            np.asarray(grey)
    return len(paths)


def pillow(name: str, executor: Callable[[int], Executor], folder: Path, size: int) -> None:
    paths = jpegs(folder)
    chunks = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    began = time.perf_counter()
    with executor(CORES) as pool:
        total = sum(pool.map(partial(plain, size), chunks))
    print(f"{name}={total / (time.perf_counter() - began)}")


def open_again(folder: Path, cache: Path, size: int, *, imports: float) -> None:
    found = source_of(folder, cache)
    began = time.perf_counter()
    scans.open_dataset(found, image_size=size, color="grey")
    print(f"open={time.perf_counter() - began}\nimports={imports}")


def rate(epoch: Callable[[], int]) -> float:
    """Images per second over all epochs but the first."""
    epoch()
    began = time.perf_counter()
    total = sum(epoch() for _ in range(EPOCHS))
    return total / (time.perf_counter() - began)


def feed_cache(folder: Path, cache: Path, size: int) -> None:
    """Batches as a trial has them, scaled by the layers of its model, and by NumPy alone."""
    from trainables import Runtime, start

    start(Runtime(threads=1))
    from trainables.batches import EpochBatches

    dataset = scans.open_dataset(source_of(folder, cache), image_size=size, color="grey")
    batches = EpochBatches(dataset, dataset.train, batch_size=BATCH, seed=0)
    scale = scaling(dataset, size)

    def model() -> int:
        batches.on_epoch_begin()
        return sum(len(scale(batches[index][0])) for index in range(len(batches)))

    def numpy() -> int:
        batches.on_epoch_begin()
        scaled = ((batches[index][0] - dataset.mean) / dataset.std for index in range(len(batches)))
        return sum(len(each) for each in scaled)

    print(f"model={rate(model)}\nnumpy={rate(numpy)}")


def scaling(dataset: scans.Dataset, size: int) -> Callable[[np.ndarray], Any]:
    """The model that `trainables` measures with, its network left out: pixels in, scaled out."""
    import keras
    import tensorflow as tf

    from benchmarks.training_step import mini_resnet, recipe_of
    from trainables.assemble import Statistics, build_measured

    recipe = recipe_of(mini_resnet(16, 3), image_size=size, batch_size=BATCH)
    model = build_measured(recipe, keras.layers.Identity(), Statistics.of(dataset))
    return tf.function(model, reduce_retracing=True)


def feed_tf_data(folder: Path, cache: Path, size: int) -> None:
    """The same batches from the files, read and decoded in each epoch."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    dataset = scans.open_dataset(source_of(folder, cache), image_size=size, color="grey")
    mean, std = tf.constant(dataset.mean), tf.constant(dataset.std)
    paths = [str(path) for path in jpegs(folder)]

    def read(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=1)
        return (tf.image.resize(pixels, (size, size)) - mean) / std

    pipeline = (
        tf.data.Dataset.from_tensor_slices(paths)
        .shuffle(len(paths), seed=0)
        .map(read, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )
    print(f"tf_data={rate(lambda: sum(len(batch) for batch in pipeline))}")


def memory(cache: Path, count: int, size: int) -> None:
    """Anonymous memory before anything of the data is known, and after an epoch of it.

    Pages of the map are not in it: they are the system's, which takes them back when it wants to.
    """
    in_a_child(lambda: place_random_images(random_source(cache, count), size))
    from trainables import Runtime, start

    start(Runtime(threads=1))
    from trainables.batches import EpochBatches

    scaling(random_dataset(size), size)(np.zeros((BATCH, size, size, 1), np.uint8))
    before = anonymous()
    found = random_source(cache, count)
    dataset = scans.open_dataset(found, image_size=size, color="grey")
    batches = EpochBatches(dataset, dataset.train, batch_size=BATCH, seed=0)
    scale = scaling(dataset, size)
    batches.on_epoch_begin()
    for index in range(len(batches)):
        scale(batches[index][0])
    print(f"before={before}\nafter={anonymous()}\npixels={dataset.images.nbytes / 2**20}")


def random_source(cache: Path, count: int) -> scans.Source:
    names = [f"Training/{'ab'[row % 2]}/image_{row:06}.jpg" for row in range(count)]
    return source(Path("/absent"), cache, names, [name.split("/")[1] for name in names])


def in_a_child(work: Callable[[], None]) -> None:
    """Run something in a process that ends, so that its memory is not counted here."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def random_dataset(size: int) -> scans.Dataset:
    from benchmarks.training_step import random_dataset

    return random_dataset(size, BATCH)


def place_random_images(found: scans.Source, size: int) -> None:
    """Put random pixels where the cache of these files would be."""
    from scans.caches.decoded import DecodedImages

    wanted = DecodedImages(
        root=found.root,
        files=tuple(sorted(found.split["file"].to_pylist())),
        fingerprint=found.fingerprint,
        content=None,
        image_size=size,
        color="grey",
    )
    path = wanted.folder(found.cache) / "images.npy"
    path.parent.mkdir(parents=True)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, wanted.shape)
    for block in blocks(len(images)):
        images[block] = np.random.default_rng(block.start).integers(
            0, 256, (block.stop - block.start, *images.shape[1:]), np.uint8
        )
    images.flush()


def blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + 500, count)) for start in range(0, count, 500))


def anonymous() -> float:
    """RssAnon of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


PARTS: dict[str, Callable[..., None]] = {
    "build": build,
    "pillow_processes": partial(pillow, "pillow_processes", ProcessPoolExecutor),
    "pillow_threads": partial(pillow, "pillow_threads", ThreadPoolExecutor),
    "open_again": partial(open_again, imports=time.process_time()),
    "feed_cache": feed_cache,
    "feed_tf_data": feed_tf_data,
    "memory": memory,
}


def main() -> None:
    part, *words = sys.argv[1:]
    PARTS[part](*[int(word) if word.isdecimal() else Path(word) for word in words])


if __name__ == "__main__":
    main()
