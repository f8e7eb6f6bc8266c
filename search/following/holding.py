"""Whether a driver holds a run directory, asked without holding it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from neurosweep.errors import RunDirectoryError

__all__ = ["is_held"]


def is_held(path: Path) -> bool:
    """Tells whether a process holds the run directory's lock.

    The system drops the lock with the process, so the answer does not rest on process numbers,
    which other hosts and containers count anew.

    Raises:
        RunDirectoryError: The lock may not be read.
    """
    try:
        descriptor = os.open(path / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise RunDirectoryError(
            f"whether {path} is being searched is told by its file .lock, which could not be "
            f"opened ({error.strerror}); ask as a user who may read it"
        ) from None
    try:
        # Shared: two who ask at once do not take each other for a driver.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        os.close(descriptor)
    return False
