"""A data set ready to train on: the mapped images, their labels, the split, the statistics."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.cache import DecodedImages, open_images
from scans.decode import check_request
from scans.split import CONTENT_KEY

_CHUNK = 256  # images whose pixels are counted at once; bounds the memory needed


@dataclass(frozen=True, kw_only=True)
class Source:
    """All a worker needs to open the data; small, picklable, and the same for every size.

    Attributes:
        root: The data folder.
        split: Columns file, label, part and more; see `scans.split`. Rows whose part is none of
            train, validation and test are decoded with the others and belong to no part.
        classes: Sorted names: the order of the labels.
        fingerprint: Of the manifest.
        synthetic: The images are phantom data.
        cache: Folder of the decoded caches.
    """

    root: Path
    split: pa.Table
    classes: tuple[str, ...]
    fingerprint: str
    synthetic: bool
    cache: Path


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Decoded images of one size, mapped and not copied.

    Attributes:
        images: Read-only map of shape (images, height, width, channels), 0 to 255.
        labels: Shape (images,), indices into `classes`.
        classes: Sorted names.
        train: Rows of `images` to train on, in the split's order; so `validation` and `test`.
        validation: Rows to choose on.
        test: Rows to look at once.
        mean: Shape (channels,), over the training rows, in units of 0 to 255.
        std: Like `mean`; 1 for a channel that never varies, so that it can divide.
        files: Path of each row's file, relative to the data folder.
        fingerprint: Of the manifest.
        synthetic: The images are phantom data.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    files: tuple[str, ...]
    fingerprint: str
    synthetic: bool


def open_dataset(source: Source, *, image_size: int, color: str) -> Dataset:
    """Open a data set at one size; decodes it into the cache where that was not done yet.

    Args:
        source: Where the images are and how they are split.
        image_size: Height and width in pixels, at least 1.
        color: "grey" or "rgb".

    Returns:
        The data set; its images are mapped, so opening costs no memory.

    Raises:
        DataError: An image changed or vanished since the manifest, a label is not among the
            classes, or `image_size` or `color` is out of range.
        NeurosweepError: The disk of the cache is full.
    """
    check_request(image_size=image_size, color=color)
    labels = _labels(source)
    files = tuple(sorted(labels))
    wanted = DecodedImages(
        root=source.root,
        files=files,
        fingerprint=source.fingerprint,
        content=(source.split.schema.metadata or {}).get(CONTENT_KEY, b"").decode() or None,
        image_size=image_size,
        color=color,
    )
    images = open_images(wanted, source.cache)
    rows = {part: _rows(source.split, part, files) for part in ("train", "validation", "test")}
    mean, std = _statistics(images, rows["train"], source.cache / wanted.key)
    return Dataset(
        images=images,
        labels=np.array([labels[file] for file in files], dtype=np.int64),
        classes=source.classes,
        **rows,
        mean=mean,
        std=std,
        files=files,
        fingerprint=source.fingerprint,
        synthetic=source.synthetic,
    )


def _labels(source: Source) -> dict[str, int]:
    """Return each file's index into the classes."""
    index = {name: number for number, name in enumerate(source.classes)}
    named = zip(source.split["file"].to_pylist(), source.split["label"].to_pylist(), strict=True)
    try:
        return {file: index[label] for file, label in named}
    except KeyError as error:
        raise DataError(
            f"Labels of the split must be among {', '.join(source.classes)}, but {error} is not; "
            "take split and classes from the same manifest."
        ) from error


def _rows(split: pa.Table, part: str, files: tuple[str, ...]) -> NDArray[np.int64]:
    """Return where the files of a part stand in `files`, in the split's order."""
    parts = split["part"].to_pylist()
    wanted = [file for file, of in zip(split["file"].to_pylist(), parts, strict=True) if of == part]
    return np.searchsorted(np.array(files, dtype=object), wanted).astype(np.int64)


def _statistics(
    images: NDArray[np.uint8], train: NDArray[np.int64], folder: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of the training rows; kept beside the cache."""
    key = hashlib.sha256(train.tobytes()).hexdigest()[:16]
    kept = folder / f"statistics-{key}.json"
    if not kept.exists():
        _write_whole(kept, json.dumps(_measure(images, train)))
    values = json.loads(kept.read_text())
    return np.array(values["mean"], np.float32), np.array(values["std"], np.float32)


def _measure(images: NDArray[np.uint8], train: NDArray[np.int64]) -> dict[str, list[float]]:
    """Measure each channel from its histogram: exact, and in chunks of bounded memory."""
    if len(train) == 0:
        raise DataError("The training part must hold images, but it is empty; change the split.")
    counts = np.zeros((images.shape[-1], 256), dtype=np.int64)
    for start in range(0, len(train), _CHUNK):
        chunk = images[train[start : start + _CHUNK]]
        for channel in range(images.shape[-1]):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    values = np.arange(256)
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = counts @ values**2 / total - mean**2
    # A channel that never varies has nothing to scale.
    std = np.sqrt(np.where(variance > 0, variance, 1))
    return {"mean": mean.tolist(), "std": std.tolist()}


def _write_whole(path: Path, text: str) -> None:
    """Write a small file so that readers see all of it or none."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text)
    partial.replace(path)
