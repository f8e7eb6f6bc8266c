"""Where a run's figures come from: stage times, data, versions, hardware, the command."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reports.run import Run

__all__ = ["StageTime", "provenance", "stage_times"]

# These have a place of their own in the report, or are only for the program.
_ELSEWHERE = frozenset({"stages", "schema_version", "held", "held_seconds", "explained"})


@dataclass(frozen=True)
class StageTime:
    """How long one stage took.

    Attributes:
        name: The stage.
        seconds: Wall time.
        share: Part of the sum over all stages, 0 to 1 inclusive.
    """

    name: str
    seconds: float
    share: float


def stage_times(run: Run) -> tuple[StageTime, ...]:
    """Read the stages' times from run.yaml; a stage without a time has not ended."""
    stages = run.info.get("stages")
    if not isinstance(stages, Mapping):
        return ()
    seconds = {str(name): _seconds(entry) for name, entry in stages.items()}
    known = {name: value for name, value in seconds.items() if value is not None}
    total = sum(known.values()) or 1.0
    return tuple(StageTime(name, value, value / total) for name, value in known.items())


def provenance(run: Run) -> tuple[tuple[str, str], ...]:
    """List what run.yaml says, nested names joined by dots."""
    told = {name: value for name, value in run.info.items() if name not in _ELSEWHERE}
    return tuple(_flat("", told))


def _seconds(entry: object) -> float | None:
    value = entry.get("seconds") if isinstance(entry, Mapping) else entry
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    else:
        yield prefix, _text(prefix, value)


def _text(name: str, value: object) -> str:
    if name == "command" and isinstance(value, list):
        return shlex.join(map(str, value))
    if isinstance(value, list):
        apart = "; " if any(isinstance(one, Mapping) for one in value) else ", "
        return apart.join(map(_element, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value in (None, {}) else str(value)


def _element(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(str(name), inner)}" for name, inner in value.items())
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
