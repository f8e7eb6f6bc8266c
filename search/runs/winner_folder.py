"""Where a run's winner is."""

from __future__ import annotations

from pathlib import Path

import reports
from neurosweep.errors import RunDirectoryError

__all__ = ["winner_folder"]


def winner_folder(run: Path, *, named: str | None = None) -> Path:
    """Returns the folder `winner/` of a run.

    Args:
        run: The run directory.
        named: How the user named the run, for messages; None for its folder.

    Raises:
        RunDirectoryError: It is no run, or has no winner yet.
    """
    folder = reports.read_run(run).path / "winner"
    if not folder.is_dir():
        raise RunDirectoryError(
            f"{named or run} has no winner yet; let its search end, or go on with it: "
            f"`neurosweep search --resume --output {named or run}`"
        )
    return folder
