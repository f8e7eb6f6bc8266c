"""The process that runs TensorFlow: started by a worker, warm from one trial to the next.

It knows no Ray. Its parent sends the name of a task of `search.tasks` with its payload; it answers
with an epoch's record after each epoch, waiting for a word whether to go on, and at the end with
the result or the failure. It ends with its parent.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["CONTINUE", "DROP", "STOP", "main"]

CONTINUE, STOP, DROP = "continue", "stop", "drop"
"""Answers to an epoch's record: go on; end in order and keep the result; drop everything."""


class _DroppedError(BaseException):
    """Unwinds a fit whose result nobody wants; a BaseException, so that no library keeps it."""


def main() -> None:
    """Serves tasks until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    try:
        _serve(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone or wants no more


def _serve(connection: Connection) -> None:
    from search import tasks

    tasks.start(connection.recv())
    connection.send(("ready", None))
    while True:
        name, payload = connection.recv()
        connection.send(_run(getattr(tasks, name), payload, connection))


def _run(task: Any, payload: dict[str, Any], connection: Connection) -> tuple[str, Any]:
    """Runs one task; whatever happens becomes a message."""

    def report(record: Any) -> bool:
        connection.send(("epoch", record))
        answer = connection.recv()
        if answer == DROP:
            raise _DroppedError
        return bool(answer == CONTINUE)

    try:
        return "done", task(report=report, **payload)
    except _DroppedError:
        return "dropped", None
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - the worker outlives any failure of a trial
        failure = {
            "kind": type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exc(),
        }
        return "failed", failure


def _end_with_parent(parent: int) -> None:
    """Ends this process when its parent has ended, however that happened."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    main()
