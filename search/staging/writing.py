"""What is told when files that were brought here cannot be written."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from neurosweep.errors import NeurosweepError, UserError, WeightsError

__all__ = ["writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def writing(
    path: Path, *, what: str = "weights", error: type[UserError] = WeightsError
) -> Iterator[None]:
    """Turns what the system says of a write to `path` into a rule and what to do.

    Args:
        path: The file or folder.
        what: What is put there, for the message.
        error: What is raised where it cannot be written.

    Raises:
        NeurosweepError: if the disk, or the user's share of it, is full.
        UserError: an `error`, if it cannot be written for another reason.
    """
    try:
        yield
    except OSError as found:
        if found.errno in _FULL:
            raise NeurosweepError(
                f"the disk is full: {path} could not be written; make space and give the same "
                "command again (files that are whole are kept)"
            ) from found
        raise error(
            f"{what} are put into a folder that you may write to; {path} could not be written "
            f"({found.strerror or found}): correct its permissions, or name another folder"
        ) from found
