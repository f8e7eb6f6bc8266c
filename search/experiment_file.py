"""Reads an experiment file: YAML, then `--set key.path=value`, then the checks of the model.

Whatever is wrong becomes one ExperimentError that names the key, what was received, and, for an
unknown key, the nearest known one.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from neurosweep.errors import ExperimentError
from search.experiment import Experiment

__all__ = ["DEMO", "load_experiment", "parse_experiment", "resume_experiment"]

DEMO = "demo.yaml"
"""The experiment that runs when none is named; it is package data of this room."""

_MAY_CHANGE = (
    "search.trials",
    "search.time_budget",
    "search.worker_hours",
    "search.gpu_hours",
    "search.max_cost",
    "search.sinks",
    "resources.workers",
    "resources.memory_per_trial",
    "resources.epoch_limit",
    "resources.price_per_hour",
    "final.repeats",
    "data.path",
)

_LARGEST_FILE = 1_000_000  # bytes; an experiment is a page of text


def load_experiment(path: Path | None, overrides: Sequence[str] = ()) -> Experiment:
    """Reads and checks an experiment file; None means the embedded demo.

    Args:
        path: The YAML file.
        overrides: Texts `key.path=value`, applied in order; values are read as YAML.

    Raises:
        ExperimentError: if the file is missing, not YAML, too large, or says what cannot be.
    """
    if path is None:
        source, text = DEMO, resources.files("search").joinpath(DEMO).read_text(encoding="utf-8")
    else:
        source, text = str(path), _read(path)
    return parse_experiment(text, source=source, overrides=overrides)


def parse_experiment(text: str, *, source: str, overrides: Sequence[str] = ()) -> Experiment:
    """Checks the YAML text of an experiment; `source` names it in messages.

    Raises:
        ExperimentError: as for `load_experiment`.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ExperimentError(f"{source} is not readable as YAML: {error}") from None
    raw = {} if raw is None else raw
    if not isinstance(raw, dict):
        raise ExperimentError(
            f"{source} must be a mapping of keys such as `data:` and `search:`; "
            f"received a {type(raw).__name__}"
        )
    return _validated(raw, overrides, source)


def resume_experiment(experiment: Experiment, overrides: Sequence[str]) -> Experiment:
    """Returns a run's experiment with what may change between its sittings changed.

    Whatever else changed would make rows of one leaderboard that cannot be compared. Further seeds
    of finalists make no rows.

    Raises:
        ExperimentError: as for `load_experiment`, or another value was to be changed.
    """
    before = experiment.model_dump(mode="json")
    changed = _validated(copy.deepcopy(before), overrides, "the run's experiment")
    fixed = _changes(before, changed.model_dump(mode="json")) - set(_MAY_CHANGE)
    if fixed:
        raise ExperimentError(
            f"a run goes on with the experiment it began with; only {', '.join(_MAY_CHANGE)} may "
            f"change, received another {', '.join(sorted(fixed))}: begin a new run for that"
        )
    return changed


def _changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The values that differ: `section.key`, or the name of what is no plain section."""
    changed = set()
    for section in before.keys() | after.keys():
        old, new = before.get(section), after.get(section)
        if section == "families" or not isinstance(new, dict) or not isinstance(old, dict):
            changed |= {section} if old != new else set()
        else:
            keys = old.keys() | new.keys()
            changed |= {f"{section}.{key}" for key in keys if old.get(key) != new.get(key)}
    return changed


def _validated(raw: dict[str, Any], overrides: Sequence[str], source: str) -> Experiment:
    for override in overrides:
        _apply(raw, override)
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        raise ExperimentError(_explain(error, source)) from None


def _read(path: Path) -> str:
    if not path.is_file():
        raise ExperimentError(
            f"there is no experiment file {path}; name an existing YAML file, "
            "or leave it out to run the embedded demo"
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise ExperimentError(f"{path} is larger than {_LARGEST_FILE} bytes: not an experiment")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ExperimentError(f"{path} is not UTF-8 text: not an experiment file") from None


def _apply(raw: dict[str, Any], override: str) -> None:
    """Sets one `key.path=value` in the raw mapping, making sections on the way."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ExperimentError(
            f"--set takes key.path=value, such as search.trials=20; received {override!r}"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ExperimentError(f"the value of --set {override!r} is not readable as YAML") from None
    section = raw
    for key in keys[:-1]:
        below = section.get(key)
        if below is None:
            below = section[key] = {}
        if not isinstance(below, dict):
            raise ExperimentError(f"--set {override!r}: {key!r} holds a value, not a section")
        section = below
    section[keys[-1]] = value


def _explain(error: ValidationError, source: str) -> str:
    """One line per mistake: where it stands, what was received, what may stand there."""
    lines = [f"{source} cannot be used:"]
    for mistake in error.errors():
        where = ".".join(str(part) for part in mistake["loc"]) or "the file"
        if mistake["type"] == "extra_forbidden":
            lines.append(f"  {where}: unknown key{_nearest(mistake['loc'])}")
            continue
        message = mistake["msg"].removeprefix("Value error, ")
        received = "" if mistake["type"] == "value_error" else f"; received {mistake['input']!r}"
        lines.append(f"  {where}: {message}{received}")
    return "\n".join(lines)


def _nearest(location: tuple[int | str, ...]) -> str:
    """The known key that an unknown one most resembles, or all that are known there."""
    known = sorted(_keys_at(location[:-1]))
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known here are {', '.join(known)}" if known else ""


def _keys_at(location: Iterable[int | str]) -> set[str]:
    """The keys that the model knows in a section."""
    model: Any = Experiment
    for part in location:
        field = model.model_fields.get(str(part)) if _is_section(model) else None
        model = None if field is None else _section_of(field.annotation)
    return set(model.model_fields) if _is_section(model) else set()


def _section_of(annotation: Any) -> Any:
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    return next((option for option in options if _is_section(option)), None)


def _is_section(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)
