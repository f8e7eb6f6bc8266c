"""Optuna's journal in a run directory: whole lines on disk, whatever happens on the way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from search.files.lines import append_whole
from search.files.storage_errors import storage_errors

__all__ = ["JournalFile"]


class JournalFile(JournalFileBackend):
    """A journal that a full disk cannot tear, held by whoever holds the run's lock.

    Optuna's own writer leaves half a line where the disk is full, which no later reader gets past,
    and takes a lock file of its own, over which a killed process makes the next one wait.
    """

    def __init__(self, path: Path) -> None:
        """Opens the journal, or begins it; the caller holds the run's lock.

        Raises:
            NeurosweepError: if it cannot be made.
        """
        self._journal = path
        self._apart = True
        with storage_errors(path):
            super().__init__(str(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends what Optuna noted, and syncs it unless that is for later.

        Raises:
            NeurosweepError: if it cannot be written; the journal is as it was.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        append_whole(self._journal, lines.encode(), sync=self._apart)

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        """Within, what is appended survives a kill, and a power cut from the next sync on.

        For scores of a running trial: whoever cuts the power has that trial trained again.
        """
        self._apart = False
        try:
            yield
        finally:
            self._apart = True
