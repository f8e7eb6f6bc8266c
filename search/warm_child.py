"""The worker's side of its warm child process: start it, give it tasks, replace it.

TensorFlow's threads and precision can only be set before its first operation, TensorFlow never
gives memory back within a process, and its import takes seconds: so one process serves many
trials, and is replaced when it has grown too large, hangs, or has died.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

import search
from neurosweep.errors import WorkerLostError
from search.child import DROP

__all__ = ["Message", "WarmChild"]

Message = tuple[str, Any]
"""`epoch`, `done`, `failed` or `dropped`, with what belongs to it."""

_START_LIMIT = 300.0  # seconds for importing TensorFlow on a machine that is busy
_LOG = "child.log"
_DROP_LIMIT = 60.0  # seconds a dropped fit has to unwind before the process is replaced


class WarmChild:
    """One child process. It is started when first needed.

    Args:
        runtime: What `trainables.start` takes; sent to the child before its first task.
        memory_mark: Bytes of resident memory past which the child is replaced between tasks.
        silence_limit: Seconds without a message after which a task counts as hung.
    """

    def __init__(
        self, runtime: Any, *, memory_mark: int = 6 * 2**30, silence_limit: float = 4 * 3600.0
    ) -> None:
        self._runtime = runtime
        self._memory_mark = memory_mark
        self._silence_limit = silence_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._folder: Path | None = None
        self._busy = False

    @property
    def pid(self) -> int | None:
        """The child's process number, or None while there is none."""
        return None if self._process is None else self._process.pid

    def begin(self, task: str, payload: dict[str, Any]) -> None:
        """Starts a task of `search.tasks`; what it says comes from `next_message`.

        Raises:
            WorkerLostError: if the child cannot be started.
        """
        self.drop()
        if self._process is not None and self._has_grown():
            self.close()
        if self._process is None or self._process.poll() is not None:
            self._start()
        self._send((task, payload))
        self._busy = True

    def next_message(self) -> Message:
        """Waits for what the running task says next.

        Raises:
            WorkerLostError: if the child ended or stayed silent for too long.
        """
        message = self._receive(self._silence_limit)
        if message[0] != "epoch":
            self._busy = False
        return message

    def answer(self, word: str) -> None:
        """Answers an epoch's record with a word of `search.child`."""
        self._send(word)

    def drop(self) -> None:
        """Ends a running task whose result nobody wants; the process stays warm if it can."""
        if not self._busy:
            return
        self._busy = False
        try:
            self._send(DROP)
            while self._receive(_DROP_LIMIT)[0] == "epoch":
                pass  # said before it read the word
        except WorkerLostError:
            self.close()

    def close(self) -> None:
        """Ends the child process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process, self._connection, self._folder, self._busy = None, None, None, False

    def _start(self) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", "search.child", str(theirs.fileno())]
        self._folder = Path(tempfile.mkdtemp(prefix="neurosweep-worker-"))
        with (self._folder / _LOG).open("wb") as log:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(self._folder),
                start_new_session=True,
            )
        theirs.close()
        self._connection = ours
        self._send(self._runtime)
        kind, _ = self._receive(_START_LIMIT)
        if kind != "ready":
            raise self._lost(f"said {kind!r} instead of being ready")

    def _send(self, thing: Any) -> None:
        if self._connection is None:
            raise WorkerLostError("a training process was given work after it had been closed")
        try:
            self._connection.send(thing)
        except OSError:
            raise self._lost("ended") from None

    def _receive(self, limit: float) -> Message:
        if self._connection is None or self._process is None:
            raise WorkerLostError("a training process was asked for news after it had been closed")
        end = time.monotonic() + limit
        try:
            while not self._connection.poll(1.0):
                if time.monotonic() > end:
                    raise self._lost(f"was silent for {limit:g} seconds")
            message: Message = self._connection.recv()
        except (EOFError, OSError):
            raise self._lost("ended") from None
        return message

    def _lost(self, what: str) -> WorkerLostError:
        """The error for a child that is of no more use, with its last words; closes it."""
        code = None
        if self._process is not None:
            try:
                code = self._process.wait(timeout=2.0)
            except subprocess.TimeoutExpired:
                code = None
        words = ""
        if self._folder is not None and (self._folder / _LOG).exists():
            words = (self._folder / _LOG).read_text(errors="replace")[-4000:]
        self.close()
        reason = "" if code is None else f" (exit status {code}{_meaning(code)})"
        return WorkerLostError(f"the training process {what}{reason}; its last words:\n{words}")

    def _has_grown(self) -> bool:
        if self._process is None:
            return False
        try:
            return bool(psutil.Process(self._process.pid).memory_info().rss > self._memory_mark)
        except psutil.NoSuchProcess:
            return True


def _meaning(code: int) -> str:
    return ": killed, most likely for using too much memory" if code == -9 else ""


def _environment(folder: Path) -> dict[str, str]:
    """The child's environment: our packages first, temporary files where they are removed."""
    root = str(Path(search.__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH")
    path = root if not others else os.pathsep.join((root, others))
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)}
