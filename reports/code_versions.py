"""Which program and which libraries computed a trial: by run.yaml, for its sitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reports.records import TrialRecord, parse_time

__all__ = ["CodeVersions"]

_OURS = "neurosweep"


@dataclass(frozen=True)
class _Sitting:
    since: datetime
    code: str | None
    libraries: dict[str, str] | None


@dataclass(frozen=True)
class CodeVersions:
    """The versions of a run's sittings: one that was resumed may have had several.

    Attributes:
        sittings: In their order; those that changed nothing are left out.
    """

    sittings: tuple[_Sitting, ...]

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "CodeVersions":
        """Read them from what run.yaml says: its own, and what it was `resumed_with`.

        Raises:
            RunDirectoryError: A sitting's time is none.
        """
        later = info.get("resumed_with")
        entries = [
            {**info, "began": None},  # whatever came before the next sitting
            *(later if isinstance(later, Sequence) and not isinstance(later, str) else ()),
        ]
        return cls(tuple(_sitting(one) for one in entries if isinstance(one, Mapping)))

    def columns(self, record: TrialRecord) -> dict[str, Any]:
        """`code_version` and `library_versions` of the sitting in which a trial ended."""
        if len(self.sittings) > 1:
            ended = parse_time(record.finished_at)
            known = [one for one in self.sittings if one.since <= ended]
        else:
            known = list(self.sittings)
        return {"code_version": known[-1].code, "library_versions": known[-1].libraries}


def _sitting(entry: Mapping[str, Any]) -> _Sitting:
    versions, began = entry.get("versions"), entry.get("began")
    told = {str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {}
    ours = told.pop(_OURS, None)
    code = None if ours is None else "+".join(map(str, filter(None, (ours, entry.get("code")))))
    since = datetime.min.replace(tzinfo=UTC) if began is None else parse_time(str(began))
    return _Sitting(since=since, code=code, libraries=told or None)
