"""A data set ready to train on: the mapped images, their labels, the split, the statistics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.caches.decoded import DecodedImages, open_images
from scans.caches.statistics import training_statistics
from scans.division.split import CONTENT_KEY
from scans.pictures.decode import check_request


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
        cache: Folder of the caches, for what is derived from the images.
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
    cache: Path


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageRows:
    """The images of a source as rows, the same for every size.

    Attributes:
        files: Path of each row's file, relative to the data folder, sorted.
        labels: Shape (images,), indices into the classes.
        groups: Shape (images,); images of one group are copies of each other, or of one patient.
        train: Rows to train on, in the split's order; so `validation` and `test`.
        validation: Rows to choose on.
        test: Rows to look at once.
    """

    files: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def open_dataset(
    source: Source,
    *,
    image_size: int,
    color: str,
    built: Callable[[float], object] = lambda _: None,
) -> Dataset:
    """Open a data set at one size; decodes it into the cache where that was not done yet.

    Args:
        source: Where the images are and how they are split.
        image_size: Height and width in pixels, at least 1.
        color: "grey" or "rgb".
        built: Told the seconds that decoding took; not called where it was done before.

    Returns:
        The data set; its images are mapped, so opening costs no memory.

    Raises:
        DataError: An image changed or vanished since the manifest, a label is not among the
            classes, or `image_size` or `color` is out of range.
        NeurosweepError: The disk of the cache is full.
    """
    check_request(image_size=image_size, color=color)
    rows = rows_of(source)
    wanted = DecodedImages(
        root=source.root,
        files=rows.files,
        fingerprint=source.fingerprint,
        content=(source.split.schema.metadata or {}).get(CONTENT_KEY, b"").decode() or None,
        image_size=image_size,
        color=color,
    )
    images = open_images(wanted, source.cache, built)
    mean, std = training_statistics(images, rows.train, wanted.folder(source.cache))
    return Dataset(
        images=images,
        labels=rows.labels,
        classes=source.classes,
        train=rows.train,
        validation=rows.validation,
        test=rows.test,
        mean=mean,
        std=std,
        files=rows.files,
        fingerprint=source.fingerprint,
        synthetic=source.synthetic,
        cache=source.cache,
    )


def build_caches(source: Source, sizes: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """Decode the images into the cache at several sizes, where that was not done yet.

    Args:
        source: Where the images are and how they are split.
        sizes: Image size in pixels and colour, "grey" or "rgb", of each.

    Returns:
        For each that this process built, and did not find: `size`, `color` and `seconds`.

    Raises:
        DataError: As `open_dataset` says.
        NeurosweepError: The disk of the cache is full.
    """
    built: list[dict[str, Any]] = []
    for image_size, color in sizes:

        def note(seconds: float, size: int = image_size, color: str = color) -> None:
            built.append({"size": size, "color": color, "seconds": round(seconds, 3)})

        open_dataset(source, image_size=image_size, color=color, built=note)
    return built


def rows_of(source: Source) -> ImageRows:
    """Which row is which image, without decoding any.

    Raises:
        DataError: A label is not among the classes.
    """
    labels = _labels(source)
    files = tuple(sorted(labels))
    parts = {part: _rows(source.split, part, files) for part in ("train", "validation", "test")}
    named = dict(
        zip(source.split["file"].to_pylist(), source.split["group"].to_pylist(), strict=True)
    )
    return ImageRows(
        files=files,
        labels=np.array([labels[file] for file in files], dtype=np.int64),
        groups=np.array([named[file] for file in files], dtype=np.int64),
        **parts,
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
