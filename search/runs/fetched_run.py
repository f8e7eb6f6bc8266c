"""A whole run copied into a folder of a user's own: from a store, or from another folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from neurosweep.errors import RunDirectoryError, UserError
from reports.files import read_yaml
from scans import write_whole
from search.files.storage_errors import storage_errors
from search.mirror.restore import count_records, of_run
from search.mirror.store import Entry
from search.runs.run_lock import RunLock
from search.staging.pulling import Origin, pull
from search.staging.writing import writing

__all__ = ["FETCHED_FROM", "FolderOrigin", "RunOrigin", "fetch_run"]

FETCHED_FROM = ".fetched.json"
"""In the folder, from the first file on: where it is from, so that it can be gone on with."""

_INFO = "run.yaml"


class RunOrigin(Origin, Protocol):
    """Where a run is; a `Store` is one. `str` of it names it for people, and always the same."""

    def entries(self) -> dict[str, Entry]:
        """What is known of each file, by its name relative to the run directory."""


class FolderOrigin:
    """A run directory on this machine."""

    def __init__(self, folder: Path) -> None:
        """Describes it.

        Args:
            folder: The run directory.
        """
        self._folder = folder.absolute()

    def __str__(self) -> str:
        return str(self._folder)

    def entries(self) -> dict[str, Entry]:
        """What is known of each file."""
        paths = (path for path in sorted(self._folder.rglob("*")) if path.is_file())
        names = (path.relative_to(self._folder).as_posix() for path in paths)
        return {name: entry for name in names if (entry := self.entry(name)) is not None}

    def entry(self, name: str) -> Entry | None:
        """What is known of one file; None where there is none."""
        try:
            found = (self._folder / name).stat()
        except FileNotFoundError:
            return None
        return Entry(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def get(self, name: str) -> bytes | None:
        """Its content; None where there is none.

        Raises:
            RunDirectoryError: It cannot be read.
        """
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunDirectoryError(
                f"{self._folder / name} cannot be read ({error.strerror}); ask as a user who may"
            ) from None


def fetch_run(
    origin: RunOrigin, folder: Path, say: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Makes a folder a copy of a run; goes on where an earlier call ended.

    Only what is part of the run is copied: no lock, no half-written file, and no trial that runs.

    Args:
        origin: Where the run is.
        folder: A new or empty folder, or an earlier copy of the same run.
        say: Told how far it is.

    Returns:
        The names of the files that were read.

    Raises:
        RunDirectoryError: There is no run, or the folder is something else, or was gone on with.
        StoreError: The store does not answer, or gave less than it told of.
        NeurosweepError: The disk is, or would be, full.
    """
    folder = folder.expanduser().absolute()
    if origin.entry(_INFO) is None:  # before all of a large folder is listed
        raise RunDirectoryError(
            f"{origin} holds no run: there is no {_INFO}; give the folder or the URI that was the "
            "--output of a search"
        )
    files = of_run(origin.entries())
    _check(origin, folder)
    with writing(folder, what="copies of runs", error=UserError):
        folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder)
    try:
        _note_origin(origin, folder)
        # run.yaml last: without it a folder is no run, and a command that reads it says so.
        read = pull(origin, folder, files, what="a run's files", last=_INFO, say=say)
        count_records(folder)
    finally:
        lock.release()
    return read


def _check(origin: RunOrigin, folder: Path) -> None:
    """Refuses a folder that is not free for this copy."""
    if folder == Path(str(origin)) or folder.is_relative_to(str(origin)):
        raise RunDirectoryError(f"a copy of {origin} goes to a folder elsewhere; received {folder}")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    copied_from = _copied_from(folder)
    if copied_from is None:
        raise RunDirectoryError(
            f"{folder} exists and is not an empty folder, nor a copy that this command began; name "
            "another DIR"
        )
    if copied_from != str(origin):
        raise RunDirectoryError(
            f"{folder} is a copy of {copied_from}, and not of {origin}; name another DIR"
        )
    _refuse_gone_on(origin, folder)


def _refuse_gone_on(origin: RunOrigin, folder: Path) -> None:
    """Refuses to write over what a search did here that the origin does not know of."""
    if not (folder / _INFO).exists():
        return
    ours = _sittings(read_yaml(folder / _INFO))
    theirs = _sittings(_parsed(origin.get(_INFO)))
    if theirs[: len(ours)] != ours:
        raise RunDirectoryError(
            f"{folder} has gone on by itself since it was copied from {origin}, and would be "
            "written over; name another DIR"
        )


def _sittings(info: Mapping[str, Any]) -> list[Any]:
    told = info.get("resumed_by", [])
    return told if isinstance(told, list) else []


def _parsed(content: bytes | None) -> dict[str, Any]:
    try:
        info = yaml.safe_load(content or b"")
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return info if isinstance(info, dict) else {}


def _copied_from(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / FETCHED_FROM).read_bytes())["from"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note_origin(origin: RunOrigin, folder: Path) -> None:
    path = folder / FETCHED_FROM
    with storage_errors(path):
        write_whole(path, (json.dumps({"from": str(origin)}) + "\n").encode())
