"""The run directory while a search writes it: made, locked, appended to, finished.

Only the driver writes here. A line is on disk before it counts: it is appended, flushed and
synced. A file is written aside and renamed. A journal or a list of lines whose last line was torn
by a kill is cut back to its last whole line before anything is appended.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TextIO

import yaml
from filelock import FileLock, Timeout

from neurosweep.errors import NeurosweepError, RunDirectoryError
from scans import write_whole

__all__ = ["SCHEMA_VERSION", "RunDirectory", "cut_torn_line", "default_location", "newest_run"]

SCHEMA_VERSION = 1
"""The version of the run directory's layout, written into run.yaml."""

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


def cut_torn_line(path: Path) -> int:
    """Cuts a file of lines back to its last newline; returns the number of bytes cut."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end


class RunDirectory:
    """One run directory, held by this process while it is open.

    Attributes:
        path: The folder, absolute.
        info: What run.yaml holds; changed through `update`.
    """

    def __init__(self, path: Path, info: dict[str, Any], lock: FileLock) -> None:
        self.path = path
        self.info = info
        self._lock = lock

    @classmethod
    def create(cls, path: Path, info: Mapping[str, Any]) -> Self:
        """Makes the folder and takes its lock.

        Raises:
            RunDirectoryError: if something else is there already, or it cannot be made.
        """
        path = path.absolute()
        if (path / "run.yaml").exists():
            raise RunDirectoryError(
                f"{path} holds a run already; continue it with --resume, or name another --output"
            )
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunDirectoryError(
                f"{path} exists and is not an empty folder; name another --output"
            )
        with _storage_errors(path):
            (path / "trials").mkdir(parents=True)
        run = cls(path, dict(info), _take_lock(path))
        run.update(schema_version=SCHEMA_VERSION, state="preparing")
        return run

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Opens a run to go on with it, cutting torn last lines.

        Raises:
            RunDirectoryError: if it is not a run, is of another schema, or is held by a process.
        """
        path = path.absolute()
        info = _read_info(path)
        lock = _take_lock(path)
        for name in ("study.journal", "trials.jsonl"):
            cut_torn_line(path / name)
        return cls(path, info, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @property
    def journal(self) -> Path:
        """The file of Optuna's journal storage."""
        return self.path / "study.journal"

    def trial(self, trial_id: str) -> Path:
        """The folder of one trial, made when first asked for."""
        folder = self.path / "trials" / trial_id
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

    def write(self, name: str, content: bytes) -> None:
        """Writes a file aside and renames it, so that nobody ever reads half of it."""
        target = self.path / name
        with _storage_errors(target):
            write_whole(target, content)

    def append(self, name: str, line: str) -> None:
        """Appends one line and syncs it; when this returns, the line survives a power cut."""
        target = self.path / name
        with _storage_errors(target), target.open("ab") as file:
            start = file.tell()
            try:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), start)  # a full disk must not leave half a line
                raise

    def log(self) -> TextIO:
        """Opens search.log to append to; the caller closes it."""
        with _storage_errors(self.path / "search.log"):
            return (self.path / "search.log").open("a", encoding="utf-8", buffering=1)

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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path / 'run.yaml'} is damaged: {error}") from None
    version = info.get("schema_version") if isinstance(info, dict) else None
    if version != SCHEMA_VERSION:
        raise RunDirectoryError(
            f"{path} was written with layout version {version}; this program reads "
            f"{SCHEMA_VERSION}: use the version of neurosweep named in its run.yaml"
        )
    return dict(info)


def _take_lock(path: Path) -> FileLock:
    # The system drops the lock with the process, so a stale one cannot stay behind.
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = path / ".holder"
        who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        raise RunDirectoryError(
            f"{path} is held by {who}; wait for it to end, or name another --output"
        ) from None
    (path / ".holder").write_text(f"process {os.getpid()}", encoding="utf-8")
    return lock


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NeurosweepError(
                f"the disk is full: {path} could not be written; make space, then go on with "
                "--resume (nothing that was finished is lost)"
            ) from error
        raise RunDirectoryError(
            f"{path} could not be written ({error.strerror}); name a folder you may write to "
            "with --output"
        ) from error
