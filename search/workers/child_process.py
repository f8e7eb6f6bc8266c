"""A training process as the system sees it: how it is started, what it holds, why it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

import search
from neurosweep.errors import CrashedError, OutOfMemoryError, TrialError, WorkerLostError
from search.workers.memory import private_memory, readable

__all__ = ["LOG", "memory_of", "spawn", "why_ended"]

LOG = "child.log"
"""The file in a child's folder that takes what it writes to its terminal."""

_NEAR = 0.8  # share of the memory limit from which a SIGKILL is taken for the kernel's

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}


def spawn(
    connection: Connection, folder: Path, tasks: str, *, with_gpus: bool
) -> subprocess.Popen[bytes]:
    """Starts `search.workers.child`.

    Args:
        connection: Its end.
        folder: It writes into.
        tasks: The module of its tasks.
        with_gpus: Whether it sees the GPUs that this process sees, or none.
    """
    command = [sys.executable, "-P", "-m", "search.workers.child", str(connection.fileno()), tasks]
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            command,
            pass_fds=[connection.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(folder, with_gpus=with_gpus),
            start_new_session=True,
        )


def _environment(folder: Path, *, with_gpus: bool) -> dict[str, str]:
    """The child's environment: our packages first, temporary files where they are removed."""
    root = str(Path(search.__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH")
    path = root if not others else os.pathsep.join((root, others))
    # Ray names its cards to an actor that holds some, and leaves all to one that holds none.
    hidden = {} if with_gpus else {"CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder), **hidden}


def why_ended(code: int | None, held: int, limit: int | None, words: str) -> TrialError:
    """The error for a process that has ended, by what ended it.

    Args:
        code: Its exit status, negative for a signal; None if it is not known.
        held: Bytes that it was last seen to hold.
        limit: Bytes that it might hold; None for no limit.
        words: What it wrote last, to be added to the message.
    """
    if code is None or code >= 0:
        kind = WorkerLostError if code is None else CrashedError
        return kind(f"the training process ended (exit status {code}){words}")
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL and limit is not None and held > _NEAR * limit:
        return OutOfMemoryError(
            f"the training process was killed, most likely for memory: it was last seen with "
            f"{readable(held)} of the {readable(limit)} that a trial may hold here{words}"
        )
    if -code in _FROM_OUTSIDE:
        return WorkerLostError(f"the training process was killed from outside ({name}){words}")
    return CrashedError(f"the training process crashed ({name}){words}")


def memory_of(pid: int, otherwise: int = 0) -> int:
    """Bytes that a process holds of its own; `otherwise` if it has ended."""
    try:
        # A process that has ended and waits to be noticed holds nothing.
        return private_memory(psutil.Process(pid)) or otherwise
    except psutil.NoSuchProcess:
        return otherwise
