"""A run on an object store, as commands read it: what they need of it, copied into the cache.

The copy is no run directory to go on with: the one that a search mirrors is another
(`RunUri.folder`), and is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

from filelock import FileLock

from neurosweep.errors import RunDirectoryError, UserError
from reports import Run, TrialRecord, read_run
from reports.files import read_lines
from reports.run_statistics import is_current
from reports.weights_kept import ABOUT, weights_name
from scans import default_cache, write_whole
from scans.caches.decoded import lock_of
from scans.caches.stored import READ_RUNS
from search.mirror.lease import LEASE, LEASE_SECONDS, holder_of
from search.mirror.restore import count_records, of_run
from search.mirror.store import Entry, Store
from search.runs.output import RunUri
from search.staging.pulling import pull
from search.staging.writing import writing

__all__ = [
    "PREDICTIONS",
    "REPORT",
    "RERUN",
    "ROWS",
    "STATUS",
    "WINNER",
    "Mirrored",
    "at_hand",
    "mirrored",
    "with_rows",
]

ROWS = (
    *("run.yaml", "trials.jsonl", "evaluation.json", "cross_validation.json", "split.parquet"),
    *("repeats.json", "statistics.json", "winner/architecture.json"),
)
"""What a leaderboard is made from; a star stands for anything, as in a shell."""

PREDICTIONS = (*ROWS, "trials/*/validation.npy")
"""What it is made from where its statistics were not kept, as while the search goes on."""

STATUS = (*ROWS, "status.json")
RERUN = (*ROWS, "trials/*/record.json")
WINNER = ("run.yaml", "trials.jsonl", "winner/*")
REPORT = (
    *(*RERUN, "audit.json", "audit/*", "explanations/*"),
    *("trials/*/epochs.jsonl", "trials/*.npy"),
)

_GO_ON = "give the same command again"
_RECORD = "trials/{}/record.json"


class Mirrored:
    """A copy of what the store has of a run.

    Attributes:
        path: The copy, which all commands read as they read a run directory.
        modified: When the newest of its tables was put on the store, by the store's clock.
        holder: Who holds the run there, or did when it was lost; None for nobody.
    """

    def __init__(self, path: Path, modified: datetime | None, holder: str | None) -> None:
        self.path = path
        self.modified = modified
        self.holder = holder


def at_hand(run: Path | RunUri, need: Sequence[str]) -> Path:
    """A run directory that has what is needed, on this machine.

    Args:
        run: A run directory, which is returned as it is, or a run on a store.
        need: Patterns of names of its files.

    Raises:
        RunDirectoryError: There is no run, or it may not be read.
        StoreError: The store does not answer.
        NeurosweepError: The disk of the cache is full.
    """
    return run if isinstance(run, Path) else mirrored(run, need).path


def with_rows(run: Path | RunUri) -> Run:
    """A run that has what its leaderboard is made from, on this machine.

    Raises:
        RunDirectoryError: There is no run, it may not be read, or it is damaged.
        StoreError: The store does not answer.
        NeurosweepError: The disk of the cache is full.
    """
    found = read_run(at_hand(run, ROWS))
    if isinstance(run, Path) or is_current(found):
        return found
    return read_run(at_hand(run, PREDICTIONS))


def mirrored(run: RunUri, need: Sequence[str]) -> Mirrored:
    """Copies what is needed of a run on a store, as far as it is not here as it is there.

    Raises:
        RunDirectoryError: There is no run, or it may not be read.
        StoreError: The store does not answer.
        NeurosweepError: The disk of the cache is full.
    """
    store = Store(run.text, what="a run", may="list and read", go_on=_GO_ON)
    store.require()
    listed = store.entries()
    lease = listed.get(LEASE)
    files = of_run(listed)
    if "run.yaml" not in files:
        raise RunDirectoryError(
            f"{run} holds no run: there is no run.yaml; give the URI that was the --output of a "
            "search"
        )
    path = default_cache() / READ_RUNS / run.folder.name
    with writing(path, what="copies of runs", error=UserError):
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_of(path))
        lock.acquire()
    try:
        _copy(store, path, files, need)
    finally:
        lock.release()
    times = [files[name].modified for name in STATUS if name in files]
    newest = max((time for time in times if time is not None), default=None)
    return Mirrored(path, newest, _holder(store, lease))


def _copy(store: Store, path: Path, files: Mapping[str, Entry], need: Sequence[str]) -> None:
    wanted = {name: entry for name, entry in files.items() if _is_needed(name, need)}
    for old in [one for one in path.rglob("*") if one.is_file()]:
        name = old.relative_to(path).as_posix()
        if _is_needed(name, need) and name not in files:
            with writing(old, what="copies of runs", error=UserError):
                old.unlink()  # gone there: an evaluation of an earlier sitting, say
    pull(store, path, wanted, what="a run's files")
    # A trial counts from its record on; the list of lines comes after it by half a minute.
    late = _not_in_lines(path, files)
    pull(store, path, late, what="a run's files")
    count_records(path)
    about = {
        "from": store.uri,
        "read": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": sorted(name for name in files if fnmatch(name, weights_name("*"))),
    }
    with writing(path, what="copies of runs", error=UserError):
        write_whole(path / ABOUT, (json.dumps(about) + "\n").encode())


def _is_needed(name: str, need: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in need)


def _not_in_lines(path: Path, files: Mapping[str, Entry]) -> dict[str, Entry]:
    lines = read_lines(path / "trials.jsonl")
    counted = {_RECORD.format(TrialRecord.from_json(line).trial_id) for line in lines}
    return {
        name: entry
        for name, entry in files.items()
        if fnmatch(name, _RECORD.format("*")) and name not in counted
    }


def _holder(store: Store, lease: Entry | None) -> str | None:
    """Who has renewed the lease lately, by this machine's clock and the store's."""
    if lease is None or lease.modified is None:
        return None
    silent = (datetime.now(UTC) - lease.modified).total_seconds()
    return None if silent > 2 * LEASE_SECONDS else holder_of(store)
