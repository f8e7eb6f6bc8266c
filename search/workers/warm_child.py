"""The worker's side of its warm child process: start it, give it tasks, watch it, replace it.

TensorFlow's threads and precision can only be set before its first operation, TensorFlow never
gives memory back within a process, and its import takes seconds: so one process serves many
trials, and is replaced when it has grown too large, hangs, or has died.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from neurosweep.errors import (
    HungError,
    OutOfMemoryError,
    TimeLimitError,
    TrialError,
    WorkerLostError,
)
from search.workers.child import ALIVE, DROP, HURRY
from search.workers.child_process import LOG, memory_of, spawn, why_ended
from search.workers.limits import Limits
from search.workers.memory import readable

__all__ = ["TASKS", "Message", "WarmChild"]

Message = tuple[str, Any]
"""`epoch`, `state`, `done`, `failed` or `dropped`, with what belongs to it."""

_UNDER_WAY = ("epoch", "state")  # what a task says before its last word

TASKS = "search.workers.tasks"
"""The module of what a child can do."""

_START_LIMIT = 300.0  # seconds for importing TensorFlow on a machine that is busy
_DROP_LIMIT = 60.0  # seconds a dropped fit has to unwind before the process is replaced
_LOOK_EVERY = 0.5  # seconds between two looks at memory and clock
_STACK_LIMIT = 1.0  # seconds a hung process has to write down where it hangs


class WarmChild:
    """One child process. It is started when first needed.

    Args:
        runtime: What `trainables.start` takes; sent to the child before its first task.
        limits: What a task may take.
        tasks: The module of the tasks.
        gpus: What it may take of the GPUs that this process sees; 0 hides them from it.
    """

    def __init__(
        self,
        runtime: Any,
        limits: Limits | None = None,
        *,
        tasks: str = TASKS,
        gpus: float = 0.0,
    ) -> None:
        self._runtime = runtime
        self._gpus = gpus
        self._usual = self._limits = limits or Limits()
        self._tasks = tasks
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._folder: Path | None = None
        self._busy = False
        self._memory_seen = 0
        self._since = 0.0

    @property
    def pid(self) -> int | None:
        """The child's process number, or None while there is none."""
        return None if self._process is None else self._process.pid

    def begin(self, task: str, payload: dict[str, Any], *, limits: Limits | None = None) -> None:
        """Starts a task; what it says comes from `next_message`.

        Args:
            task: The task's name.
            payload: Its arguments.
            limits: Of this task alone; None for the usual ones.

        Raises:
            WorkerLostError: if the child cannot be started.
        """
        self.drop()
        if self._process is not None and self._has_grown():
            self.close()
        if self._process is None or self._process.poll() is not None:
            self._start()
        self._limits = limits or self._usual
        self._send((task, payload))
        self._busy = True

    def next_message(self, is_late: Callable[[], bool] | None = None) -> Message:
        """Waits for what the running task says next.

        Args:
            is_late: Asked meanwhile; once it says so, the task is told to end in mid-epoch.

        Raises:
            TrialError: if the child died or was ended for going past a limit: OutOfMemoryError,
                HungError, TimeLimitError, CrashedError or, where it was no fault of the task's,
                WorkerLostError.
        """
        try:
            message = self._receive(self._limits.silence, epoch=self._limits.epoch, is_late=is_late)
        except TrialError:
            self.close()
            raise
        if message[0] not in _UNDER_WAY:
            self._busy = False
        return message

    def answer(self, word: str) -> None:
        """Answers an epoch's record with a word of `search.workers.child`."""
        self._send(word)

    def drop(self) -> None:
        """Ends a running task whose result nobody wants; the process stays warm if it can."""
        if not self._busy:
            return
        self._busy = False
        try:
            self._send(DROP)
            while self._receive(_DROP_LIMIT)[0] in _UNDER_WAY:
                pass  # said before it read the word
        except TrialError:
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
        self.close()
        ours, theirs = Pipe()
        self._folder = Path(tempfile.mkdtemp(prefix="neurosweep-worker-"))
        self._process = spawn(theirs, self._folder, self._tasks, with_gpus=self._gpus > 0)
        theirs.close()
        self._connection = ours
        self._limits = Limits()
        try:
            self._send((self._runtime, self._gpus))
            kind, _ = self._receive(_START_LIMIT)
        except TrialError as error:
            self.close()
            # Not the trial's fault, which had not begun: another worker may do better.
            raise WorkerLostError(f"a training process could not be started: {error}") from None
        if kind != "ready":
            self.close()
            raise WorkerLostError(f"a training process said {kind!r} instead of being ready")

    def _send(self, thing: Any) -> None:
        if self._connection is None:
            raise WorkerLostError("a training process was given work after it had been closed")
        self._since = time.monotonic()
        try:
            self._connection.send(thing)
        except OSError:
            raise self._ended() from None

    def _receive(
        self,
        silence: float,
        *,
        epoch: float | None = None,
        is_late: Callable[[], bool] | None = None,
    ) -> Message:
        """The next message that is more than a sign of life; keeps to the limits meanwhile."""
        if self._connection is None:
            raise WorkerLostError("a training process was asked for news after it had been closed")
        heard, hurried = time.monotonic(), False
        try:
            while True:
                if self._connection.poll(_LOOK_EVERY):
                    message: Message = self._connection.recv()
                    if message[0] != ALIVE:
                        return message
                    heard = time.monotonic()
                # Asked on afterwards: to ask is how a worker tells its driver that it is there.
                if is_late is not None and is_late() and not hurried:
                    self._connection.send(HURRY)
                    hurried = True
                self._look(heard, silence, epoch)
        except (EOFError, OSError):
            raise self._ended() from None

    def _look(self, heard: float, silence: float, epoch: float | None) -> None:
        """Raises what is the matter with the child, if anything is."""
        if self._process is None:
            return
        self._memory_seen = memory_of(self._process.pid, self._memory_seen)
        limit, now = self._limits.memory, time.monotonic()
        if limit is not None and self._memory_seen > limit:
            raise OutOfMemoryError(
                f"a trial may hold {readable(limit)} of memory here, its training process held "
                f"{readable(self._memory_seen)}; narrow the space to smaller models or batches, "
                "lower resources.workers, or set resources.memory_per_trial"
            )
        if epoch is not None and now - self._since > epoch:
            raise TimeLimitError(
                f"an epoch may take {epoch:g} seconds, this one was not over then; "
                f"raise resources.epoch_limit or narrow the space{self._stack()}"
            )
        if now - heard > silence:
            raise HungError(
                f"a training process gives a sign of life after each batch, this one gave none "
                f"for {silence:g} seconds{self._stack()}"
            )

    def _stack(self) -> str:
        """Asks a child that is about to be killed where it is; its last words."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(_STACK_LIMIT)
        return self._last_words()

    def _last_words(self) -> str:
        words = ""
        if self._folder is not None and (self._folder / LOG).exists():
            words = (self._folder / LOG).read_text(errors="replace")[-8000:]
        return f"; its last words:\n{words}" if words.strip() else ""

    def _ended(self) -> TrialError:
        """The error for a child that has ended, by what ended it."""
        code = None
        if self._process is not None:
            try:
                code = self._process.wait(timeout=2.0)
            except subprocess.TimeoutExpired:
                code = None
        error = why_ended(code, self._memory_seen, self._limits.memory, self._last_words())
        self.close()
        return error

    def _has_grown(self) -> bool:
        mark = self._usual.memory_mark
        return (
            mark is not None and self._process is not None and memory_of(self._process.pid) > mark
        )
