"""The process that runs TensorFlow: started by a worker, warm from one trial to the next.

It knows no Ray. Its parent sends the name of a task of `search.workers.tasks` with its payload; it
answers with an epoch's record after each epoch, now and then with its state before it, waiting for
a word whether to go on, and at the end with the result or the failure. In between it says now and
then that it is alive: from the loop over batches, so that an operation that hangs falls silent. It
ends with its parent.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import sys
import threading
import time
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from neurosweep.errors import InfeasibleError, OutOfTimeError
from trainables.alive import BreakOff, watch

__all__ = ["ALIVE", "CONTINUE", "DROP", "HURRY", "STOP", "Listener", "main"]

ALIVE = "alive"
"""A message that is a sign of life and nothing else; it wants no answer."""

CONTINUE, STOP, DROP = "continue", "stop", "drop"
"""Answers to an epoch's record: go on; end in order and keep the result; drop everything."""

HURRY = "hurry"
"""A word in the middle of an epoch: end now, with the whole epochs that there are."""

_ALIVE_EVERY = 2.0  # seconds at least between two signs of life
_MEMORY_ERRORS = {"MemoryError", "ResourceExhaustedError"}  # Python's and TensorFlow's

_GPU_MEMORY = re.compile(r"OUT_OF_MEMORY|ALLOC_FAILED|Dst tensor is not initialized", re.IGNORECASE)
"""Words of TensorFlow's other errors where a library beside it ran out of a GPU's memory."""


class Listener:
    """The worker, as a running task sees it."""

    def __init__(self, connection: Connection) -> None:
        """Talks to the worker at the other end."""
        self._connection = connection

    def __call__(self, record: Any) -> bool:
        """Tells of an epoch and waits for the word whether to go on."""
        self._connection.send(("epoch", record))
        answer = _word(self._connection)
        if answer == DROP:
            raise _DroppedError
        return bool(answer == CONTINUE)

    def keep(self, state: bytes) -> None:
        """Hands over the state after the epoch that is told next; nothing is answered."""
        self._connection.send(("state", state))


class _DroppedError(BaseException):
    """Unwinds a fit whose result nobody wants; a BaseException, so that no library keeps it."""


def main() -> None:
    """Serves tasks until the parent closes the connection."""
    faulthandler.enable()  # a crash leaves the line it happened at in the log
    faulthandler.register(signal.SIGUSR1)  # so does a hang, when the parent asks before it kills
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    watch(_Pulse(connection))
    try:
        _serve(connection, import_module(sys.argv[2]))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone or wants no more


def _word(connection: Connection) -> Any:
    """What the worker says next; a HURRY came too late for the epoch that it was meant for."""
    while (word := connection.recv()) == HURRY:
        pass
    return word


class _Pulse:
    """Sends a sign of life, but not more often than anybody wants to know, and listens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._last >= _ALIVE_EVERY:
            self._last = now
            self._connection.send((ALIVE, None))
            self._listen()

    def _listen(self) -> None:
        """Heeds a word that does not wait for the end of the epoch."""
        if self._connection.poll():
            if self._connection.recv() == HURRY:
                raise BreakOff
            raise _DroppedError


def _serve(connection: Connection, tasks: Any) -> None:
    tasks.start(*connection.recv())
    connection.send(("ready", None))
    while True:
        name, payload = _word(connection)
        connection.send(_run(getattr(tasks, name), payload, connection))


def _run(task: Any, payload: dict[str, Any], connection: Connection) -> tuple[str, Any]:
    """Runs one task; whatever happens becomes a message."""
    try:
        return "done", task(report=Listener(connection), **payload)
    except _DroppedError:
        return "dropped", None
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except BreakOff:
        message = "the budget ended in the middle of the first epoch"
        return "failed", {"kind": OutOfTimeError.__name__, "message": message}
    except InfeasibleError as error:
        return "failed", {**_named(error), "parameters": error.parameters}
    except Exception as error:  # noqa: BLE001 - the worker outlives any failure of a trial
        return "failed", {**_named(error), "traceback": traceback.format_exc()}


def _named(error: Exception) -> dict[str, str]:
    """Kind and message; memory has one kind, whoever ran out of it."""
    kind = type(error).__name__
    bases = {base.__name__ for base in type(error).__mro__}
    beside = "OpError" in bases and _GPU_MEMORY.search(str(error)) is not None
    if _MEMORY_ERRORS.isdisjoint(bases) and not beside:
        return {"kind": kind, "message": str(error)}
    return {"kind": "OutOfMemoryError", "message": f"{kind}: {error}"}


def _end_with_parent(parent: int) -> None:
    """Ends this process when its parent has ended, however that happened."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    main()
