"""What is told when weight files cannot be written."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from neurosweep.errors import NeurosweepError, WeightsError

__all__ = ["writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says of a write to `path` into a rule and what to do.

    Raises:
        NeurosweepError: if the disk, or the user's share of it, is full.
        WeightsError: if it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NeurosweepError(
                f"the disk is full: {path} could not be written; make space and give the same "
                "command again (files that are whole are kept)"
            ) from error
        raise WeightsError(
            f"weights are put into a folder that you may write to; {path} could not be written "
            f"({error.strerror or error}): correct its permissions, or name another folder"
        ) from error
