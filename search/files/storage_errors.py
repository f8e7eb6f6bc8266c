"""What a disk that is full, closed or gone is told as."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from neurosweep.errors import NeurosweepError, RunDirectoryError

__all__ = ["storage_errors"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns what the system says of a write to `path` into a rule and what to do.

    Raises:
        NeurosweepError: if the disk, or the user's share of it, is full.
        RunDirectoryError: if it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NeurosweepError(
                f"the disk is full: {path} could not be written; make space, then go on with "
                "--resume (nothing that was finished is lost)"
            ) from error
        raise RunDirectoryError(
            f"{path} could not be written ({error.strerror or error}); name a folder you may "
            "write to with --output"
        ) from error
