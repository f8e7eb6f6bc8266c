"""What an edited run.yaml may break: checked once, before anybody reads it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from neurosweep.errors import RunDirectoryError
from reports.ranking import OBJECTIVES

__all__ = ["check_info"]


def check_info(info: Mapping[str, Any], path: Path) -> None:
    """Refuse a run.yaml whose parts are not what the leaderboard and the report read in them.

    Args:
        info: What it says.
        path: Where it stands, for the message.

    Raises:
        RunDirectoryError: A part is of another kind; the message names it.
    """
    for problem in _problems(info):
        raise RunDirectoryError(
            f"{path}: {problem}. Was it edited? Restore it from a copy of the run."
        )


def _problems(info: Mapping[str, Any]) -> Iterator[str]:
    yield from _wrong_openings(info.get("test_openings", []))
    yield from _wrong_objective(info)
    sittings = info.get("resumed_with", [])
    for number, one in enumerate(sittings if isinstance(sittings, list) else ()):
        began = one.get("began") if isinstance(one, Mapping) else None
        if began is not None and not _is_time(began):
            yield f"resumed_with[{number}].began is an ISO 8601 time; received {began!r}"


def _wrong_openings(told: object) -> Iterator[str]:
    if not (isinstance(told, list) and all(isinstance(one, str | datetime) for one in told)):
        yield f"test_openings is a list of times; received {told!r}"


def _wrong_objective(info: Mapping[str, Any]) -> Iterator[str]:
    told: Any = info
    for key in ("experiment", "search"):
        told = told.get(key, {})
        if not isinstance(told, Mapping):
            yield f"{key} holds names and values; received {told!r}"
            return
    objective = told.get("objective", "val_accuracy")
    names = [objective] if isinstance(objective, str) else objective
    if not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
        yield f"search.objective is a name or a list of names; received {objective!r}"
        return
    for name in names:
        if name not in OBJECTIVES:
            known = ", ".join(sorted(OBJECTIVES))
            yield f"search.objective is one or several of {known}; received {name!r}"


def _is_time(told: object) -> bool:
    try:
        datetime.fromisoformat(str(told))
    except ValueError:
        return False
    return True
