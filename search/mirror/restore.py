"""A run directory made again from its copy on an object store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from neurosweep.errors import RunDirectoryError
from reports import TrialRecord
from reports.files import read_lines, read_yaml
from scans import write_whole
from search.files.lines import append_whole
from search.files.storage_errors import storage_errors
from search.mirror.lease import LEASE
from search.mirror.mirror import RECORD
from search.mirror.store import Entry, Store

__all__ = ["count_records", "of_run", "read_info", "restore"]

_INFO = "run.yaml"
_AT_ONCE = 8
_FIELDS = frozenset(field.name for field in fields(TrialRecord))


def read_info(store: Store) -> dict[str, Any] | None:
    """Reads run.yaml as it is on the store; None where there is none.

    Raises:
        RunDirectoryError: if it is damaged.
        StoreError: if the store does not answer.
    """
    content = store.get(_INFO)
    if content is None:
        return None
    try:
        info = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{store}/{_INFO} is damaged: {error}") from None
    if not isinstance(info, dict):
        raise RunDirectoryError(f"{store}/{_INFO} is damaged: it holds no names and values")
    return info


def restore(store: Store, folder: Path) -> list[str]:
    """Makes `folder` the run that the store has, as far as it is not that already.

    A folder that went on from what the store has keeps what it has; one that the run went on
    without, on another machine, is put beside itself and made anew.

    Args:
        store: This process has its lease.
        folder: The run directory, locked by this process; it may be empty.

    Returns:
        The names of the files that are on the store as they are here.

    Raises:
        RunDirectoryError: if neither has a run.
        StoreError: if the store does not answer.
        NeurosweepError: if the disk is full.
    """
    theirs = read_info(store)
    ours = read_yaml(folder / _INFO) if (folder / _INFO).exists() else None
    if theirs is None:
        if ours is None:
            raise RunDirectoryError(
                f"{store} holds no run to resume; correct the URI, or leave --resume out to begin"
            )
        return []
    if ours is not None and not _went_on_from(ours, theirs):
        _put_beside(folder)
    listed = of_run(store.entries())
    _fetch(store, folder, [name for name in listed if not (folder / name).exists()])
    # Trials' files do not change once they count; the rest is put again.
    return [
        name
        for name, entry in listed.items()
        if name.startswith("trials/") and (folder / name).stat().st_size == entry.size
    ]


def count_records(folder: Path) -> int:
    """Adds what is recorded in trials/ and has no line in trials.jsonl; returns how many.

    Raises:
        RunDirectoryError: if a record is damaged.
    """
    lines = folder / "trials.jsonl"
    counted = {TrialRecord.from_json(line).trial_id for line in read_lines(lines)}
    found = (
        _record(path)
        for path in sorted((folder / "trials").glob(f"*/{RECORD}"))
        if path.parent.name not in counted
    )
    missing = sorted(found, key=lambda record: (record.finished_at, record.trial_id))
    if missing:
        append_whole(lines, "".join(f"{record.to_json()}\n" for record in missing).encode())
    return len(missing)


def _record(path: Path) -> TrialRecord:
    try:
        told = json.loads(path.read_bytes())
        return TrialRecord.from_json(json.dumps({k: told[k] for k in told.keys() & _FIELDS}))
    except (ValueError, AttributeError, RunDirectoryError) as error:
        raise RunDirectoryError(
            f"{path} must hold a trial's record; received something else ({error}). Delete the "
            "folder to train that trial again."
        ) from None


def _went_on_from(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether this folder has seen the last sitting that the store has seen."""
    last = _sittings(theirs)[-1:]
    return bool(last) and last[0] in _sittings(ours)


def _sittings(info: dict[str, Any]) -> list[str]:
    mirror = info.get("mirror")
    sittings = mirror.get("sittings") if isinstance(mirror, dict) else None
    return [str(one) for one in sittings] if isinstance(sittings, list) else []


def _put_beside(folder: Path) -> None:
    """Moves all but the lock into a folder next to it: nothing is deleted."""
    beside = folder.with_name(f"{folder.name}-until-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    with storage_errors(beside):
        beside.mkdir()
        for path in list(folder.iterdir()):
            if path.name not in (".lock", ".holder"):
                path.rename(beside / path.name)
        (folder / "trials").mkdir()  # a run directory has one, even where no trial has ended


def of_run(listed: dict[str, Entry]) -> dict[str, Entry]:
    """What is part of the run: no name that leads out of its folder, no trial without its end."""
    return {
        name: entry
        for name, entry in listed.items()
        if name != LEASE
        and not name.endswith((".probe", ".partial", "/"))
        and not name.startswith("/")
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
        and (not name.startswith("trials/") or f"{PurePosixPath(name).parent}/{RECORD}" in listed)
    }


def _fetch(store: Store, folder: Path, names: Iterable[str]) -> None:
    """Fetches them, run.yaml last: without it a folder is no run, and all is fetched again."""

    def fetch(name: str) -> None:
        content = store.get(name)
        if content is not None:
            with storage_errors(folder / name):
                write_whole(folder / name, content)

    wanted = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(fetch, [name for name in wanted if name != _INFO]):
            pass
    if _INFO in wanted:
        fetch(_INFO)
