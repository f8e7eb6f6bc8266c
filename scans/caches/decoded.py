"""The decoded cache: every image of a data set once, as uint8, in one file that is mapped.

CACHE/decoded/KEY/images.npy           complete, or not there under this name
CACHE/decoded/KEY/about.json           what it is, for people and for `neurosweep cache list`
CACHE/decoded/KEY/statistics-*.json    see `scans.caches.statistics`
CACHE/decoded/KEY/used                 touched each time the images are opened
CACHE/decoded/KEY.lock                 held by the one process that builds, or clears
"""

import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from neurosweep.errors import DataError, NeurosweepError
from scans.caches.crew import decode_all
from scans.caches.decoding import Job
from scans.files.whole_files import write_whole
from scans.manifest import content_hash
from scans.pictures.decode import CHANNELS, RESIZE_VERSION

CACHE_VARIABLE = "NEUROSWEEP_CACHE"
DECODED = "decoded"
"""Name of the folder, below the cache folder, that holds one folder per decoded cache."""

IMAGES, ABOUT, USED = "images.npy", "about.json", "used"
RESIZE = f"bilinear-v{RESIZE_VERSION}"
"""The way of resizing, in each cache's key."""

_SYNC_EVERY = 0.25  # seconds
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has the latter only
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
    def size(self) -> int:
        """Bytes of the decoded pixels; the file's header of 128 more does not matter."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def key(self) -> str:
        """Name of the cache: all that its bytes depend on."""
        files = hashlib.sha256("\n".join(self.files).encode()).hexdigest()
        size = f"{self.image_size}px-{self.color}-{RESIZE}"
        return f"{self.fingerprint[:16]}-{files[:8]}-{size}"

    def folder(self, cache: Path) -> Path:
        """Return the folder of this one below the folder of all caches."""
        return cache / DECODED / self.key


def open_images(
    wanted: DecodedImages, cache: Path, built: Callable[[float], object] = lambda _: None
) -> NDArray[np.uint8]:
    """Map the decoded images into memory, decoding them first where that was not done yet.

    Processes that want the same cache at once wait for the first of them to build it.

    Args:
        wanted: Which images, and how.
        cache: Folder of the caches; made where it is missing.
        built: Told the seconds that decoding took, by the process that did it alone.

    Returns:
        Read-only memory map of shape `wanted.shape`.

    Raises:
        DataError: A file is missing, unreadable, or not the one in the manifest.
        NeurosweepError: The disk is full; the message has the bytes needed and free.
    """
    folder = wanted.folder(cache)
    complete = folder / IMAGES
    mapped = _map(complete, wanted.shape)
    if mapped is None:
        with disk_errors(folder, needed=wanted.size):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(lock_of(folder)):
                mapped = _map(complete, wanted.shape)  # another may have built it meanwhile
                if mapped is None:
                    began = time.perf_counter()
                    _build(wanted, folder)
                    built(time.perf_counter() - began)
                    mapped = _map(complete, wanted.shape)
    if mapped is None:
        raise NeurosweepError(
            f"A decoded cache must have the size it was written with, but {complete} changed "
            "right after it was built; delete it and look for what else writes there."
        )
    with contextlib.suppress(OSError):  # of a read-only cache nobody learns when it was used
        (folder / USED).touch()
    return mapped


def lock_of(folder: Path) -> Path:
    """Return the lock of a cache's folder.

    It stands outside and is never deleted: processes that wait for a deleted lock and those that
    make a new one would not see each other.
    """
    return folder.with_name(f"{folder.name}.lock")


@contextlib.contextmanager
def disk_errors(folder: Path, *, needed: int) -> Iterator[None]:
    """Tell a full disk from other failures of what is written within.

    Args:
        folder: Where it is written; it need not exist yet.
        needed: Bytes to write.

    Raises:
        NeurosweepError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise NeurosweepError(
                f"The cache folder must be writable, but at {folder} there is: {error}; set "
                f"{CACHE_VARIABLE} to a folder elsewhere."
            ) from error
        raise _disk_full(folder, needed=needed) from error


def _disk_full(folder: Path, *, needed: int) -> NeurosweepError:
    free = free_bytes(folder)
    return NeurosweepError(
        f"The cache at {folder} needs {needed:,} bytes, but its disk has {free:,} free; make room, "
        f"or set {CACHE_VARIABLE} to a folder on another disk."
    )


def free_bytes(folder: Path) -> int:
    """Return the bytes free on the disk of a folder, or of the nearest one above it that exists."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    return shutil.disk_usage(there).free


def _header(shape: tuple[int, ...]) -> bytes:
    """Return what a complete file begins with, so that NumPy can read it without this program."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def _map(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Map a complete cache; None where there is none, or a torn one.

    What it must begin with and how long it must be are known, so nothing of the file is trusted.
    """
    header, size = _header(shape), int(np.prod(shape, dtype=np.int64))
    try:
        with path.open("rb") as file:
            whole = file.read(len(header)) == header
            whole &= os.fstat(file.fileno()).st_size == len(header) + size
            if whole:
                return np.memmap(file, np.uint8, mode="r", offset=len(header), shape=shape)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("The decoded cache %s is torn (%s) and is built again.", path, error)
        return None
    _log.warning("The decoded cache %s is torn or of another size and is built again.", path)
    return None


def _build(wanted: DecodedImages, folder: Path) -> None:
    """Write the cache under another name; only a complete one takes the final name."""
    for leftover in folder.glob("*.partial"):
        leftover.unlink()  # of a builder that was killed: we hold the lock, so it is dead
    if free_bytes(folder) < wanted.size:
        raise _disk_full(folder, needed=wanted.size)
    folder.mkdir(exist_ok=True)
    _log.info("Decoding %d images into %s", len(wanted.files), folder)
    complete = folder / IMAGES
    partial = complete.with_suffix(".partial")
    try:
        _write(wanted, partial)
        write_whole(folder / ABOUT, (json.dumps(_about(wanted), indent=2) + "\n").encode())
        partial.replace(complete)
    except BaseException:
        partial.unlink(missing_ok=True)
        complete.unlink(missing_ok=True)  # a torn one that was to be replaced
        (folder / ABOUT).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # unless statistics of an earlier one are in it
        raise


def _write(wanted: DecodedImages, partial: Path) -> None:
    """Write header and pixels with plain writes: a full disk then raises instead of killing us."""
    header = _header(wanted.shape)
    job = Job(
        root=wanted.root,
        image_size=wanted.image_size,
        color=wanted.color,
        offset=len(header),
    )
    with partial.open("wb") as file:
        file.write(header)
        file.flush()
        with _syncing(file.fileno()):
            hashes = decode_all(file.fileno(), job, wanted.files)
        os.fsync(file.fileno())
    found = content_hash(list(wanted.files), hashes)
    if wanted.content is not None and found != wanted.content:
        raise DataError(
            f"The images under {wanted.root} must be those of the manifest (content "
            f"{wanted.content[:16]}), but they are not ({found[:16]}); if they were changed on "
            "purpose, start a new run, else give the folder that holds the same images."
        )


@contextlib.contextmanager
def _syncing(file: int) -> Iterator[None]:
    """Bring to the disk meanwhile what is written within: the sync at the end is short then."""
    done = Event()

    def sync() -> None:
        while not done.wait(_SYNC_EVERY):
            _sync(file)

    with ThreadPoolExecutor(max_workers=1) as thread:
        syncing = thread.submit(sync)
        try:
            yield
        finally:
            done.set()
        syncing.result()  # the system tells of a failed write once, to whoever asks first


def _about(wanted: DecodedImages) -> dict[str, object]:
    return {
        "root": str(wanted.root.absolute()),
        "images": len(wanted.files),
        "image_size": wanted.image_size,
        "color": wanted.color,
        "fingerprint": wanted.fingerprint,
        "resize": RESIZE,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
