"""Mean and standard deviation of the training images, measured once and kept beside the cache."""

import errno
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError
from scans.caches.decoded import disk_errors
from scans.files.whole_files import write_whole

_CHUNK = 256  # images whose pixels are counted at once; bounds the memory needed
_NOT_KEPT = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT)
"""The folder is read-only, or was cleared while its images are still mapped."""
_log = logging.getLogger(__name__)

Moments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and standard deviation, each of shape (channels,), in units of 0 to 255."""


def training_statistics(
    images: NDArray[np.uint8], train: NDArray[np.int64], folder: Path
) -> Moments:
    """Return mean and standard deviation of the training rows.

    Args:
        images: Shape (images, height, width, channels).
        train: Rows to measure; one at least.
        folder: Where they are kept. In one that is read-only they are measured each time.

    Raises:
        DataError: There are no training rows.
        NeurosweepError: The disk is full.
    """
    key = hashlib.sha256(train.tobytes()).hexdigest()[:16]
    kept = folder / f"statistics-{key}.json"
    moments = _read(kept, channels=images.shape[-1])
    if moments is None:
        moments = _measure(images, train)
        _keep(kept, moments)
    mean, std = moments
    return np.array(mean, np.float32), np.array(std, np.float32)


def _read(kept: Path, *, channels: int) -> tuple[list[float], list[float]] | None:
    """Return what is kept; None where there is nothing, or nothing that can be used."""
    try:
        return _checked(json.loads(kept.read_text(encoding="utf-8")), channels)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.warning("The statistics %s cannot be read (%s) and are measured again.", kept, error)
        return None


def _checked(values: Any, channels: int) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation; whatever else the file held is a ValueError."""
    mean, std = ([float(value) for value in values[name]] for name in ("mean", "std"))
    if not (len(mean) == len(std) == channels and min(std) > 0 and np.isfinite(mean + std).all()):
        raise ValueError(f"they must be {channels} numbers each")
    return mean, std


def _keep(kept: Path, moments: tuple[list[float], list[float]]) -> None:
    mean, std = moments
    text = json.dumps({"mean": mean, "std": std})
    with disk_errors(kept.parent, needed=len(text)):
        try:
            write_whole(kept, text.encode())
        except OSError as error:
            if error.errno not in _NOT_KEPT:
                raise
            _log.info("%s cannot be kept (%s); it is measured at each opening.", kept, error)


def _measure(
    images: NDArray[np.uint8], train: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
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
    return mean.tolist(), std.tolist()
