"""Trial after trial failing in the same way: a cause that no other configuration will mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from neurosweep.errors import RepeatedFailureError
from reports import Status, TrialRecord

__all__ = ["FailureStreak"]

_LONGEST = 10

_NUMBER = re.compile(r"\d[\d.,]*(e[+-]?\d+)?")


class FailureStreak:
    """Follows how trials end, in the order in which they do.

    Two failures are of the same kind when their error's name and, numbers removed, its first line
    are equal. Any other end in between begins the count anew.
    """

    def __init__(self, run: Path) -> None:
        """Begins the count.

        Args:
            run: The run directory, for the message.
        """
        self._run = run
        self._kind: tuple[str | None, str] | None = None
        self._failed: list[TrialRecord] = []
        self._none_completed = True

    def resume(self, records: Iterable[TrialRecord]) -> None:
        """Takes over whether any trial of earlier sittings completed; the count begins anew."""
        self._none_completed = not any(r.status == Status.COMPLETED for r in records)

    def note(self, record: TrialRecord) -> None:
        """Notes how a trial ended, after it was recorded.

        Raises:
            RepeatedFailureError: if it was the tenth in a row to fail in the same way.
        """
        if record.status == Status.COMPLETED:
            self._none_completed = False
        kind = _kind(record) if record.status == Status.FAILED else None
        if kind is None or kind != self._kind:
            self._kind, self._failed = kind, []
        if kind is not None:
            self._failed.append(record)
        if len(self._failed) >= _LONGEST:
            raise RepeatedFailureError(self._explain(), none_completed=self._none_completed)

    def _explain(self) -> str:
        last = self._failed[-1]
        return (
            f"the search was stopped because {len(self._failed)} trials in a row failed in the "
            f"same way, the last one with\n  {last.error}\n"
            f"{self._run / 'trials' / last.trial_id / 'log.txt'} has all of it. Mend the cause, "
            f"then `neurosweep search --resume --output {self._run}` goes on with the trials that "
            "are left"
        )


def _kind(record: TrialRecord) -> tuple[str | None, str]:
    return record.stop_reason, _NUMBER.sub("#", record.error or "")
