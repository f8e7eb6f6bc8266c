"""The decoded cache: every image of a data set once, as uint8, in one file that is mapped."""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from neurosweep.errors import DataError, NeurosweepError
from scans.decode import CHANNELS, RESIZE_VERSION, read_image, to_pixels
from scans.manifest import content_hash, hash_bytes

CACHE_VARIABLE = "NEUROSWEEP_CACHE"
_CHUNK = 256  # images decoded between two writes; bounds the memory needed
_log = logging.getLogger(__name__)


def default_cache() -> Path:
    """Return the folder for caches: NEUROSWEEP_CACHE, else this system's place for them."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_dir("neurosweep"))


@dataclass(frozen=True, kw_only=True)
class DecodedImages:
    """The images that a cache holds.

    Attributes:
        root: The data folder.
        files: Paths relative to it, sorted; row i of the cache is file i.
        fingerprint: Of the manifest that listed them.
        content: Hash of these files' bytes, compared while decoding; None where it is not known.
        image_size: Height and width in pixels.
        color: "grey" or "rgb".
    """

    root: Path
    files: tuple[str, ...]
    fingerprint: str
    content: str | None
    image_size: int
    color: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the decoded array: (images, height, width, channels)."""
        return len(self.files), self.image_size, self.image_size, CHANNELS[self.color]

    @property
    def key(self) -> str:
        """Name of the cache: all that its bytes depend on."""
        files = hashlib.sha256("\n".join(self.files).encode()).hexdigest()
        size = f"{self.image_size}px-{self.color}-v{RESIZE_VERSION}"
        return f"{self.fingerprint[:16]}-{files[:8]}-{size}"


def open_images(wanted: DecodedImages, cache: Path) -> NDArray[np.uint8]:
    """Map the decoded images into memory, decoding them first where that was not done yet.

    Processes that want the same cache at once wait for the first of them to build it.

    Args:
        wanted: Which images, and how.
        cache: Folder of the caches; made where it is missing.

    Returns:
        Read-only memory map of shape `wanted.shape`.

    Raises:
        DataError: A file is missing, unreadable, or not the one in the manifest.
        NeurosweepError: The disk is full; the message has the bytes needed and free.
    """
    folder = cache / wanted.key
    complete = folder / "images.npy"
    mapped = _map(complete, wanted.shape)
    if mapped is None:
        with _making(folder, needed=_size(wanted)), FileLock(f"{folder}.lock"):
            mapped = _map(complete, wanted.shape)  # another process may have built it meanwhile
            if mapped is None:
                _build(wanted, complete)
                mapped = _map(complete, wanted.shape)
    if mapped is None:
        raise NeurosweepError(
            f"A decoded cache must have the size it was written with, but {complete} changed "
            "right after it was built; delete it and look for what else writes there."
        )
    return mapped


def _size(wanted: DecodedImages) -> int:
    """Bytes of the decoded pixels; the file's header of 128 more does not matter."""
    return int(np.prod(wanted.shape, dtype=np.int64))


def _map(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Map a complete cache; None where there is none, or a torn one."""
    if not path.exists():
        return None
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        _log.warning("The decoded cache %s is torn (%s) and is built again.", path, error)
        return None
    expected = mapped.offset + mapped.nbytes
    if mapped.shape != shape or mapped.dtype != np.uint8 or path.stat().st_size != expected:
        _log.warning("The decoded cache %s has another size and is built again.", path)
        return None
    images: NDArray[np.uint8] = mapped
    return images


def _build(wanted: DecodedImages, complete: Path) -> None:
    """Write the cache under another name; only a complete one takes the final name."""
    for leftover in complete.parent.glob("*.partial"):
        leftover.unlink()  # of a builder that was killed: we hold the lock, so it is dead
    free = shutil.disk_usage(complete.parent).free
    if free < _size(wanted):
        raise NeurosweepError(_disk_full(complete.parent, needed=_size(wanted), free=free))
    partial = complete.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            _write(wanted, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(complete)
    finally:
        partial.unlink(missing_ok=True)


def _write(wanted: DecodedImages, file: BinaryIO) -> None:
    """Write header and pixels with plain writes: a full disk then raises instead of killing us."""
    header = {"descr": "|u1", "fortran_order": False, "shape": wanted.shape}
    np.lib.format.write_array_header_1_0(file, header)
    hashes: list[str] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for chunk in _chunks(wanted.files):
            for pixels, file_hash in pool.map(lambda name: _decode(wanted, name), chunk):
                file.write(pixels.data)
                hashes.append(file_hash)
    found = content_hash(list(wanted.files), hashes)
    if wanted.content is not None and found != wanted.content:
        raise DataError(
            f"The images under {wanted.root} must be those of the manifest (content "
            f"{wanted.content[:16]}), but they are not ({found[:16]}); if they were changed on "
            "purpose, start a new run, else give the folder that holds the same images."
        )


def _chunks(files: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(files), _CHUNK):
        yield files[start : start + _CHUNK]


def _decode(wanted: DecodedImages, name: str) -> tuple[NDArray[np.uint8], str]:
    """Return one image's pixels and the hash of its bytes."""
    path = wanted.root / name
    try:
        content = path.read_bytes()
        image = read_image(content)
    except (DataError, OSError) as error:
        raise DataError(
            f"Every image of the manifest must be readable, but {path} is not: {error}"
        ) from error
    pixels = to_pixels(image, image_size=wanted.image_size, color=wanted.color)
    return np.ascontiguousarray(pixels), hash_bytes(content)


@contextlib.contextmanager
def _making(folder: Path, *, needed: int) -> Iterator[None]:
    """Make the folder, and tell a full disk from other failures of what is done within."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise NeurosweepError(
                f"The cache folder must be writable, but at {folder} there is: {error}; set "
                f"{CACHE_VARIABLE} to a folder elsewhere."
            ) from error
        free = shutil.disk_usage(folder.parent).free
        raise NeurosweepError(_disk_full(folder, needed=needed, free=free)) from error


def _disk_full(folder: Path, *, needed: int, free: int) -> str:
    return (
        f"The decoded cache needs {needed:,} bytes, but the disk of {folder} has {free:,} free; "
        f"make room, or set {CACHE_VARIABLE} to a folder on another disk."
    )
