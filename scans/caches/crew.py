"""Decodes many images on all cores: in this process, and in helper processes where that pays.

Threads do not do it: Pillow's short calls take the interpreter's lock so often that two threads
reach three quarters of what two processes do, and more threads add little. The helpers are plain
child processes and not a `multiprocessing` pool, which would either fork a process that runs
TensorFlow's threads or import the user's main module again.
"""

import math
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from neurosweep.errors import NeurosweepError
from scans.caches.decoding import Job, decode_into, keep_freed_memory

_GROUP = 8  # images per message: small, so that all cores finish together
_AHEAD = 4  # groups a helper has been given: it never waits while we decode one ourselves
_WORTH = 0.5  # seconds of decoding that pay for starting one more process

Group = tuple[int, tuple[str, ...]]
"""The row of its first image, and the images' names."""


def decode_all(file: int, job: Job, names: Sequence[str]) -> list[str]:
    """Decode every image into its row of a file.

    Args:
        file: Descriptor of a file open for writing.
        job: How to decode.
        names: Paths relative to the data folder; name i goes to row i.

    Returns:
        The hash of each image file's bytes.

    Raises:
        DataError: A file is missing or unreadable.
        NeurosweepError: A helper process was killed.
        OSError: The disk is full, or fails.
    """
    keep_freed_memory()
    starts = range(0, len(names), _GROUP)
    waiting = deque((first, tuple(names[first : first + _GROUP])) for first in starts)
    hashes = [""] * len(names)
    seconds = 0.0
    for _ in range(min(2, len(waiting))):  # the first group also loads Pillow's decoders
        began = time.perf_counter()
        _decode_here(file, job, waiting.popleft(), hashes)
        seconds = time.perf_counter() - began
    with Crew(file, job, size=_helpers(seconds * len(waiting))) as crew:
        while waiting or crew.busy:
            crew.give(waiting)
            if waiting:
                _decode_here(file, job, waiting.popleft(), hashes)
            crew.take(hashes, patient=not waiting)
    return hashes


def cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _helpers(seconds: float) -> int:
    """Return how many helpers pay for work that would take one core so long."""
    return min(cores() - 1, math.floor(seconds / _WORTH))


def _decode_here(file: int, job: Job, group: Group, hashes: list[str]) -> None:
    first, names = group
    hashes[first : first + len(names)] = decode_into(file, job, first, names)


class Crew:
    """The helper processes of one build; they end with it, and with this process."""

    def __init__(self, file: int, job: Job, *, size: int) -> None:
        """Start `size` helpers, which all write to `file`.

        They are given the open file, not its name: one that outlives a killed parent for a
        moment cannot write into what the next builder makes.
        """
        self._processes: dict[Connection, subprocess.Popen[bytes]] = {}
        self._given: dict[Connection, int] = {}
        try:
            for _ in range(size):
                self._hire(file, job)
        except BaseException:
            self._end()  # those that have started
            raise

    def _hire(self, file: int, job: Job) -> None:
        ours, theirs = Pipe()
        self._processes[ours] = _start(theirs, file)
        theirs.close()
        self._given[ours] = 0
        self._send(ours, job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for connection, process in self._processes.items():
            connection.close()
            process.kill()  # it has answered all that was asked, or its answers do not matter
            process.wait()

    @property
    def busy(self) -> bool:
        """Whether a helper still has something to decode."""
        return any(self._given.values())

    def give(self, waiting: deque[Group]) -> None:
        """Hand out groups until every helper has enough."""
        for connection in self._given:
            while waiting and self._given[connection] < _AHEAD:
                self._send(connection, waiting.popleft())
                self._given[connection] += 1

    def take(self, hashes: list[str], *, patient: bool) -> None:
        """Put the answers that have come into `hashes`; a patient one waits for the first."""
        busy = [connection for connection, given in self._given.items() if given]
        for connection in wait(busy, None if patient else 0) if busy else []:
            first, answer = self._receive(connection)  # type: ignore[arg-type]
            if isinstance(answer, Exception):
                raise answer
            hashes[first : first + len(answer)] = answer
            self._given[connection] -= 1  # type: ignore[index]

    def _send(self, connection: Connection, thing: object) -> None:
        try:
            connection.send(thing)
        except OSError:
            raise self._lost(connection) from None

    def _receive(self, connection: Connection) -> tuple[int, list[str] | Exception]:
        try:
            first, answer = connection.recv()
        except (EOFError, OSError):
            raise self._lost(connection) from None
        return first, answer

    def _lost(self, connection: Connection) -> NeurosweepError:
        code = self._processes[connection].wait()
        return NeurosweepError(
            f"Helper processes must live while images are decoded, but one ended with exit status "
            f"{code}{' (killed, most likely for want of memory)' if code == -9 else ''}; "
            "start again, with more memory free."
        )


def _start(theirs: Connection, file: int) -> "subprocess.Popen[bytes]":
    """Start one helper that knows its end of the connection and the file by their numbers."""
    numbers = (theirs.fileno(), file)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "scans.caches.helper", *map(str, numbers)],
        pass_fds=numbers,
        stdin=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,  # Ctrl-C reaches us alone
    )


def _environment() -> dict[str, str]:
    """Our packages first; and one thread each, or every helper would start one per core."""
    root = str(Path(__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH")
    path = root if not others else os.pathsep.join((root, others))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
