"""The run directory while a search writes it: made, locked, appended to, finished.

Only the driver writes here. A line is on disk before it counts: it is appended, flushed and
synced. A file is written aside and renamed. A journal or a list of lines whose last line was torn
by a kill is cut back to its last whole line before anything is appended. Where the run is mirrored
on an object store, a trial's files are there before its line is here.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Self, TextIO, cast

import yaml

from neurosweep.errors import RunDirectoryError
from reports import TrialRecord
from scans import remove_unfinished, write_whole
from search.files.lines import append_whole, cut_torn_line, sync
from search.files.storage_errors import storage_errors
from search.mirror.lease import Lease
from search.mirror.mirror import RECORD, Mirror
from search.mirror.restore import count_records, read_info, restore
from search.mirror.store import Store
from search.runs.run_lock import RunLock
from search.runs.search_log import SearchLog

__all__ = [
    "SCHEMA_VERSION",
    "RunDirectory",
    "cut_torn_line",
    "default_location",
    "mirror_of",
    "newest_run",
]

SCHEMA_VERSION = 2
"""The version of the run directory's layout, written into run.yaml. Since 2 the hyperparameters of
`transfer` are others, so that runs of layout 1 are read (`reports`), but not gone on with."""

_STATES = ("preparing", "running", "interrupted", "finished", "failed")


def default_location(name: str, now: datetime) -> Path:
    """Returns runs/NAME-DATE-TIME below the current folder, as an absolute path."""
    return Path.cwd() / "runs" / f"{name}-{now:%Y%m%d-%H%M%S}"


def newest_run(folder: Path) -> Path:
    """Returns the run in `folder` whose run.yaml changed last.

    Raises:
        RunDirectoryError: if there is none.
    """
    runs = sorted(folder.glob("*/run.yaml"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise RunDirectoryError(
            f"there is no run below {folder} to resume; name one with --output RUN"
        )
    return runs[-1].parent


def mirror_of(path: Path) -> Store | None:
    """Returns the store that a run directory is mirrored on; None for one that is not.

    Raises:
        RunDirectoryError: if it is not a run.
        StoreError: if the store does not answer.
    """
    mirror = _read_info(path).get("mirror")
    return Store(str(mirror["uri"])) if isinstance(mirror, dict) and "uri" in mirror else None


class RunDirectory:
    """One run directory, held by this process while it is open.

    Attributes:
        path: The folder, absolute.
        info: What run.yaml holds; changed through `update`.
    """

    def __init__(
        self,
        path: Path,
        info: dict[str, Any],
        held: contextlib.ExitStack,
        mirror: Mirror | None = None,
    ) -> None:
        """Describes a run that `create` or `reopen` holds.

        Args:
            path: The folder, absolute.
            info: What run.yaml holds.
            held: Gives the locks back.
            mirror: The copy on an object store; None for a run that has none.
        """
        self.path = path
        self.info = info
        self._held = held
        self._mirror = mirror

    @classmethod
    def create(cls, path: Path, info: Mapping[str, Any], *, store: Store | None = None) -> Self:
        """Makes the folder and takes its lock, and that of its place on the store.

        Args:
            path: The folder.
            info: What run.yaml begins with.
            store: Where the run is mirrored; None for nowhere.

        Raises:
            RunDirectoryError: if something else is there already, or it cannot be made.
            StoreError: if the store does not answer.
        """
        path = path.absolute()
        if (path / "run.yaml").exists():
            raise RunDirectoryError(
                f"{path} holds a run already; continue it with --resume, or name another --output"
            )
        if path.exists() and not _is_free(path):
            raise RunDirectoryError(
                f"{path} exists and is not an empty folder; name another --output"
            )
        with contextlib.ExitStack() as held, contextlib.ExitStack() as undo:
            lease = None if store is None else _lease(store, undo)
            if store is not None and read_info(store) is not None:
                raise RunDirectoryError(
                    f"{store} holds a run already; continue it with --resume, or name another "
                    "--output"
                )
            with storage_errors(path):
                (path / "trials").mkdir(parents=True, exist_ok=True)
            held.callback(RunLock(path).release)
            mirror = None
            if store is not None and lease is not None:
                mirror = Mirror(store, path, lease)
                info = {**info, **_sitting(store, {})}
            undo.pop_all()
            run = cls(path, dict(info), held.pop_all(), mirror)
        with run.closed_on_error():
            run.update(schema_version=SCHEMA_VERSION, state="preparing")
        return run

    @classmethod
    def reopen(cls, path: Path, *, store: Store | None = None) -> Self:
        """Opens a run to go on with it; torn last lines and files half written are removed.

        Args:
            path: The folder; with a store, it may lack what the store has.
            store: Where the run is mirrored; None for nowhere.

        Raises:
            RunDirectoryError: if it is not a run, is of another schema, or is held by a process.
            StoreError: if the store does not answer.
        """
        path = path.absolute()
        if store is None:
            info = _read_info(path)
        with contextlib.ExitStack() as held, contextlib.ExitStack() as undo:
            lease = None if store is None else _lease(store, undo)
            with storage_errors(path):
                (path / "trials").mkdir(parents=True, exist_ok=True)
            held.callback(RunLock(path).release)
            mirror = None
            if store is not None and lease is not None:
                there = restore(store, path)
                info = _read_info(path)
                mirror = Mirror(store, path, lease)
                mirror.known(there)
                info |= _sitting(store, info)
            with storage_errors(path):
                remove_unfinished(path)
            for name in ("study.journal", "trials.jsonl"):
                cut_torn_line(path / name)
            if store is not None:
                count_records(path)
            undo.pop_all()
            return cls(path, info, held.pop_all(), mirror)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        with self._held:
            if self._mirror is not None:
                self._close_mirror(self._mirror, failed=kind is not None)

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Within, whatever is raised gives the run free."""
        with contextlib.ExitStack() as closing:
            closing.push(self.__exit__)
            yield
            closing.pop_all()

    @staticmethod
    def _close_mirror(mirror: Mirror, *, failed: bool) -> None:
        """Puts what has changed; what ended the run matters more than what this may raise."""
        with contextlib.suppress(Exception) if failed else contextlib.nullcontext():
            mirror.close()

    @property
    def uri(self) -> str | None:
        """Where the run is mirrored; None for nowhere."""
        return self.info["mirror"]["uri"] if self._mirror is not None else None

    @property
    def journal(self) -> Path:
        """The file of Optuna's journal storage."""
        return self.path / "study.journal"

    def trial(self, trial_id: str) -> Path:
        """The folder of one trial, made when first asked for."""
        folder = self.path / "trials" / trial_id
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def update(self, **entries: Any) -> None:
        """Sets entries of run.yaml and writes it.

        Raises:
            NeurosweepError: if it cannot be written.
        """
        state = entries.get("state", "preparing")
        if state not in _STATES:
            raise ValueError(f"a run's state is one of {', '.join(_STATES)}; received {state!r}")
        self.info.update(entries)
        text = yaml.safe_dump(self.info, sort_keys=False, allow_unicode=True)
        self.write("run.yaml", text.encode())
        if self._mirror is not None:
            self._mirror.sync()

    def count(self, record: TrialRecord, **more: Any) -> None:
        """Records a trial that ended; when this returns it counts, whatever is lost.

        Args:
            record: How it ended; the other files of its folder are written.
            more: What record.json holds beside it, such as the recipe.

        Raises:
            NeurosweepError: if it cannot be written here, or put on the store.
        """
        sync(self.trial(record.trial_id) / "epochs.jsonl")
        self.write_json(f"trials/{record.trial_id}/{RECORD}", {**asdict(record), **more})
        if self._mirror is not None:
            self._mirror.put_trial(record.trial_id)
        self.append("trials.jsonl", record.to_json())

    def write(self, name: str, content: bytes) -> None:
        """Writes a file aside and renames it, so that nobody ever reads half of it."""
        target = self.path / name
        with storage_errors(target):
            write_whole(target, content)

    def remove(self, name: str) -> None:
        """Deletes a file, if it is there."""
        with storage_errors(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def append(self, name: str, line: str, *, sync: bool = True) -> None:
        """Appends one line.

        Args:
            name: The file, relative to the run directory.
            line: Without its newline.
            sync: Return only when the line survives a power cut; else it survives a kill.

        Raises:
            NeurosweepError: if it cannot be written, or the run is another driver's now.
        """
        if self._mirror is not None:
            self._mirror.check()
        append_whole(self.path / name, line.encode() + b"\n", sync=sync)

    def log(self) -> TextIO:
        """Opens search.log to append to."""
        return cast("TextIO", SearchLog(self.path / "search.log"))

    def write_json(self, name: str, content: object) -> None:
        """Writes an object as indented JSON."""
        self.write(name, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = yaml.safe_load((path / "run.yaml").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RunDirectoryError(
            f"{path} is not a run directory: it has no run.yaml; name the folder that "
            "`neurosweep search` printed on its last line"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path / 'run.yaml'} is damaged: {error}") from None
    version = info.get("schema_version") if isinstance(info, dict) else None
    if version != SCHEMA_VERSION:
        raise RunDirectoryError(
            f"{path} was begun with layout version {version}; this program goes on with "
            f"{SCHEMA_VERSION} alone: begin a new run with another --output, or go on with the "
            "version of neurosweep named in its run.yaml"
        )
    return dict(info)


def _is_free(path: Path) -> bool:
    """Whether a folder is empty, but for what a driver leaves that is killed before run.yaml."""
    if not path.is_dir():
        return False
    return all(
        entry.name in (".lock", ".holder")
        or fnmatch(entry.name, "run.yaml.*.partial")
        or (entry.name == "trials" and entry.is_dir() and not any(entry.iterdir()))
        for entry in path.iterdir()
    )


def _lease(store: Store, undo: contextlib.ExitStack) -> Lease:
    """Takes the lease of a place; `undo` gives it back, for a run that does not come to be."""
    lease = Lease(store)
    lease.take()
    undo.callback(lease.release)
    return lease


def _sitting(store: Store, info: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of run.yaml by which copies of one run tell which of them is ahead."""
    before = info.get("mirror", {}).get("sittings", [])
    return {"mirror": {"uri": store.uri, "sittings": [*before, secrets.token_hex(6)]}}
