"""Features on disk: one memory map with a row per image, filled row by row, in any order.

CACHE/features/NAME/values.npy   (images, …) float16 or float32; a plain NumPy file
CACHE/features/NAME/marks.npy    per row its exponent and a hash of its bytes; 0 is "not computed"
CACHE/features/NAME/about.json   what it is, for people and for `neurosweep cache list`
CACHE/features/NAME.lock         held by the one process that computes
CACHE/features/NAME.fetch.lock   held by the one process that fetches rows from another machine

A row is scaled by a power of two before it is rounded to float16, so that no network's features
overflow or vanish there. Rows are marked after their values are on the disk, and a row whose bytes
do not have its hash counts as not computed: a kill, a cut file or a damaged disk costs the rows it
hit and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from neurosweep.errors import NeurosweepError
from scans.caches.decoded import disk_errors
from scans.files.whole_files import write_whole
from trainables.alive import beat
from trainables.features.key import FeatureKey

__all__ = ["FEATURES", "FeatureStore", "OpenRows", "Packed", "pack", "unpack"]

FEATURES = "features"
"""Name of the folder, below the cache folder, that holds one folder per cache of features."""

VALUES, MARKS, ABOUT, USED = "values.npy", "marks.npy", "about.json", "used"

_MARK = np.dtype([("digest", "<u8"), ("exponent", "<i2")])
_TOP_EXPONENT = 14  # the largest value of a row lies below 2**14: float16 ends at 2**16
_SLICE = 1.0  # seconds of waiting for a lock between two signs of life
_log = logging.getLogger(__name__)

Packed = tuple[NDArray[Any], NDArray[np.int16]]
"""Rows as they are kept, (rows, …), and the power of two each was divided by, (rows,)."""


def pack(values: NDArray[np.float32], precision: str) -> Packed:
    """Rows in the form in which they are kept.

    Raises:
        NeurosweepError: A value is NaN or infinite.
    """
    flat = values.reshape(len(values), -1)
    largest = np.abs(flat).max(axis=1, initial=0.0)
    if not np.isfinite(largest).all():
        raise NeurosweepError(
            "Features must be finite numbers, received NaN or infinite ones from a frozen network. "
            "Its weights are damaged or do not belong to it: stage them again."
        )
    exponents = np.zeros(len(values), np.int16)
    if precision == "float32":
        return np.ascontiguousarray(values, dtype="<f4"), exponents
    exponents[largest > 0] = np.frexp(largest[largest > 0])[1] - _TOP_EXPONENT
    scaled = np.ldexp(flat, -exponents[:, None].astype(np.int32))
    return scaled.astype("<f2").reshape(values.shape), exponents


def unpack(packed: Packed) -> NDArray[np.float32]:
    """Rows as they were computed, to the precision in which they are kept."""
    values, exponents = packed
    shape = (len(values), *([1] * (values.ndim - 1)))
    return np.ldexp(values.astype(np.float32), exponents.astype(np.int32).reshape(shape))


class OpenRows:
    """Rows of a store as float32, read from its map when they are asked for, and not checked."""

    def __init__(self, values: NDArray[Any], marks: NDArray[Any]) -> None:
        self._values = values
        self._marks = marks

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return unpack((self._values[rows], self._marks["exponent"][rows]))


class FeatureStore:
    """The features of one key.

    Attributes:
        folder: Where they are.
        shape: (images, …).
    """

    def __init__(self, cache: Path, key: FeatureKey, shape: tuple[int, ...]) -> None:
        """Points at a folder; nothing is read or made yet.

        Args:
            cache: Folder of all caches.
            key: Which features.
            shape: Images, then the shape of one image's features.
        """
        self.folder = cache / FEATURES / key.name
        self.shape = shape
        self._key = key
        self._dtype = np.dtype("<f2" if key.precision == "float16" else "<f4")
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * self._dtype.itemsize

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self._row_bytes

    def missing(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `rows` that are not there, or are damaged; in their order."""
        opened = self._open()
        if opened is None:
            return rows
        values, marks = opened
        return rows[~_are_whole(values, marks, rows)]

    def packed(self, rows: NDArray[np.int64]) -> Packed:
        """Rows as they are kept, read from the disk and checked.

        Raises:
            NeurosweepError: One of them is not there.
        """
        opened = self._open()
        if opened is None or not _are_whole(*opened, rows).all():
            raise NeurosweepError(
                f"Features are read after they were computed, but {self.folder} lacks some that "
                "were there a moment ago. Look for what else writes there, and start again."
            )
        values, marks = opened
        return np.asarray(values[rows]), marks["exponent"][rows].astype(np.int16)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows as float32, (rows, …).

        Raises:
            NeurosweepError: One of them is not there.
        """
        return unpack(self.packed(rows))

    def opened(self) -> OpenRows:
        """All rows, mapped; whoever reads them has asked for what is `missing` before.

        Raises:
            NeurosweepError: The files are not there.
        """
        found = self._open()
        if found is None:
            raise NeurosweepError(
                f"Features are read after they were computed, but {self.folder} lacks them now. "
                "Look for what else writes there, and start again."
            )
        return OpenRows(*found)

    @contextmanager
    def filling(
        self, *, seconds: float | None = None, waiting: Callable[[], object] = beat
    ) -> Iterator[None]:
        """Holds the lock under which rows are added: one process computes, others wait.

        Args:
            seconds: The longest wait; None waits for as long as the other takes.
            waiting: Called about once a second while it waits: a sign of life.

        Raises:
            NeurosweepError: It was waited for in vain.
        """
        with self._held(".lock", seconds, waiting):
            yield

    @contextmanager
    def fetching(self, *, seconds: float, waiting: Callable[[], object]) -> Iterator[None]:
        """Holds the lock of whoever brings rows here over a network; others may add meanwhile.

        Args:
            seconds: The longest wait.
            waiting: Called about once a second while it waits: a sign of life.

        Raises:
            NeurosweepError: It was waited for in vain.
        """
        with self._held(".fetch.lock", seconds, waiting):
            yield

    @contextmanager
    def _held(
        self, suffix: str, seconds: float | None, waiting: Callable[[], object]
    ) -> Iterator[None]:
        with disk_errors(self.folder, needed=self.size):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder.with_name(f"{self.folder.name}{suffix}"))
        self._acquire(lock, math.inf if seconds is None else seconds, waiting)
        try:
            yield
        finally:
            lock.release()

    def _acquire(self, lock: FileLock, seconds: float, waiting: Callable[[], object]) -> None:
        """Waits in slices: who waits without a sign of life is taken for hung, and killed."""
        end, told = time.monotonic() + seconds, False
        while True:
            try:
                lock.acquire(timeout=max(0.0, min(_SLICE, end - time.monotonic())))
            except Timeout as error:
                if time.monotonic() >= end:
                    raise NeurosweepError(
                        f"Features are added by one process at a time; another one has filled "
                        f"{self.folder} for more than {seconds:g} seconds. Wait until it is done."
                    ) from error
            else:
                return
            if not told:
                _log.warning("Another process fills %s: waiting until it is done.", self.folder)
            told = True
            waiting()

    def add(self, rows: NDArray[np.int64], packed: Packed) -> None:
        """Adds rows inside `filling`: their values first, then the marks that make them count.

        Raises:
            NeurosweepError: The disk is full, or the folder cannot be written.
        """
        values, exponents = packed
        if values.shape != (len(rows), *self.shape[1:]) or values.dtype != self._dtype:
            raise NeurosweepError(
                f"Features of {self._key.network} have the shape {self.shape[1:]} and are kept as "
                f"{self._dtype}, received {values.shape[1:]} as {values.dtype}. Do all nodes run "
                "the same version of this program?"
            )
        with disk_errors(self.folder, needed=len(rows) * self._row_bytes):
            if self._open() is None:
                self._make()
            self._write(VALUES, rows, _rows_of(values))
            marks = np.empty(len(rows), _MARK)
            marks["digest"], marks["exponent"] = _digests(values, exponents), exponents
            self._write(MARKS, rows, _rows_of(marks))

    def used(self) -> None:
        """Notes that the features were used, for whoever tidies up."""
        try:
            (self.folder / USED).touch()
        except OSError:  # of a read-only cache nobody learns when it was used
            _log.debug("cannot touch %s", self.folder)

    def _make(self) -> None:
        """Makes the files, or mends those of another size: rows that were hit are not whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {
            **asdict(self._key),
            "shape": list(self.shape),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_whole(self.folder / ABOUT, (json.dumps(about, indent=2) + "\n").encode())
        for name, dtype, shape in self._files():
            header = _header(dtype, shape)
            path = self.folder / name
            path.touch()
            with path.open("r+b") as file:
                if file.read(len(header)) != header:
                    file.truncate(0)
                    os.pwrite(file.fileno(), header, 0)
                # Holes read as zeros and take no room until they are filled.
                file.truncate(len(header) + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)

    def _files(self) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...]]]:
        yield VALUES, self._dtype, self.shape
        yield MARKS, _MARK, self.shape[:1]

    def _write(self, name: str, rows: NDArray[np.int64], content: Sequence[bytes]) -> None:
        """Writes rows at their places with plain writes: a full disk then raises."""
        _, dtype, shape = next(one for one in self._files() if one[0] == name)
        begin, width = len(_header(dtype, shape)), len(content[0]) if content else 0
        with (self.folder / name).open("r+b") as file:
            for row, one in zip(rows.tolist(), content, strict=True):
                os.pwrite(file.fileno(), one, begin + row * width)
            os.fsync(file.fileno())

    def _open(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Maps both files; None where they are missing, torn or of another size."""
        mapped = [_map(self.folder / name, dtype, shape) for name, dtype, shape in self._files()]
        if mapped[0] is None or mapped[1] is None:
            return None
        return mapped[0], mapped[1]


def _are_whole(
    values: NDArray[Any], marks: NDArray[Any], rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows are marked and have the bytes that they were marked with."""
    marked = marks[rows]
    whole: NDArray[np.bool_] = marked["digest"] != 0
    for position in np.flatnonzero(whole):
        row = values[rows[position]]
        whole[position] = _digest(row, marked["exponent"][position]) == marked["digest"][position]
    return whole


def _digests(values: NDArray[Any], exponents: NDArray[np.int16]) -> list[int]:
    return [_digest(row, exponent) for row, exponent in zip(values, exponents, strict=True)]


def _digest(row: NDArray[Any], exponent: np.int16) -> int:
    """Hash of a row, never 0, which stands for a row that was not computed."""
    state = hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8)
    state.update(int(exponent).to_bytes(2, "little", signed=True))
    return int.from_bytes(state.digest(), "little") or 1


def _rows_of(array: NDArray[Any]) -> list[bytes]:
    return [row.tobytes() for row in array]


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What a file begins with, so that NumPy can read it without this program."""
    header = io.BytesIO()
    description = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        header, {"descr": description, "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Maps a file whose header and length are known; nothing of it is trusted."""
    header, size = _header(dtype, shape), int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    try:
        with path.open("rb") as file:
            whole = file.read(len(header)) == header
            whole &= os.fstat(file.fileno()).st_size == len(header) + size
            if whole:
                return np.memmap(file, dtype, mode="r", offset=len(header), shape=shape)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("The cached features %s cannot be read (%s).", path, error)
        return None
    _log.warning("The cached features %s are torn or of another size: computed again.", path)
    return None
