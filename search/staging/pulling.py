"""Brings files from a store into a folder: each whole or not at all, and once.

A file that is here with the size and the time of change that the store tells of is not read again,
so that what was interrupted goes on, and what changed there is read anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Protocol

from rich.filesize import decimal

from neurosweep.errors import NeurosweepError, StoreError, UserError
from scans import write_whole
from scans.caches.decoded import free_bytes
from search.mirror.store import Entry
from search.staging.writing import writing

__all__ = ["Origin", "is_safe", "pull", "remove_others"]

_AT_ONCE = 16  # small files spend their time waiting for the store
_SAY_EVERY = 10.0  # seconds between two words on how far it is
_LONGEST_PART = 255  # bytes of one part of a name, on the file systems in use
_CLOCK_GRAIN = 1e-3  # seconds to which a file keeps the time that it was given


class Origin(Protocol):
    """Where files come from; `search.mirror.store.Store` is one."""

    def entry(self, name: str) -> Entry | None:
        """What is known of one file; None where there is none."""

    def get(self, name: str) -> bytes | None:
        """Its content; None where there is none."""


def is_safe(name: str) -> bool:
    """Whether a name told by others stays below the folder that it is written into."""
    parts = PurePosixPath(name).parts
    return (
        name != ""
        and name == "/".join(parts)  # no double slash, no ".", none at the end
        and not name.startswith("/")
        and ".." not in parts
        and "\0" not in name
        and all(len(os.fsencode(part)) <= _LONGEST_PART for part in parts)
    )


def pull(
    origin: Origin,
    folder: Path,
    listed: Mapping[str, Entry],
    *,
    what: str,
    last: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Makes the files in a folder what they are at their origin.

    Args:
        origin: Where they are.
        folder: Where they are to be; made where it is missing.
        listed: Their names there, relative, with what is told of them.
        what: What they are, for messages, such as "images".
        last: The name of the one that is brought when all others are here.
        say: Told how far it is, now and then.

    Returns:
        The names of those that were read.

    Raises:
        UserError: A name leads out of the folder, or the folder cannot be written.
        StoreError: The store does not answer, or gave less than it told of.
        NeurosweepError: The disk is, or would be, full; nothing was read in the latter case.
    """
    _refuse_unsafe(listed, what)
    wanted = [name for name in sorted(listed) if not _is_here(folder / name, listed[name])]
    if not wanted:
        return []
    _refuse_full(folder, sum(listed[name].size for name in wanted))
    told = _Told(wanted, listed, say)

    def bring(name: str) -> str:
        _bring(origin, folder / name, name, listed[name], what)
        return name

    with ThreadPoolExecutor(_AT_ONCE) as pool:  # an error cancels what was not begun
        for name in pool.map(bring, [name for name in wanted if name != last]):
            told.brought(name)
    if last in wanted:
        bring(str(last))
    return wanted


def remove_others(folder: Path, names: Sequence[str], *, what: str) -> None:
    """Removes what is in a folder and under none of these names, and folders left empty.

    Raises:
        UserError: It cannot be removed.
    """
    kept = set(names)
    for place, below, files in os.walk(folder, topdown=False):
        here = Path(place)
        for path in (here / name for name in files):
            if path.relative_to(folder).as_posix() not in kept:
                with writing(path, what=what, error=UserError):
                    path.unlink()
        for path in (here / name for name in below):
            with writing(path, what=what, error=UserError):
                if path.is_symlink():
                    path.unlink()
                elif not any(path.iterdir()):
                    path.rmdir()


class _Told:
    """Says how far it is, once it takes a while."""

    def __init__(
        self, wanted: Sequence[str], listed: Mapping[str, Entry], say: Callable[[str], None]
    ) -> None:
        self._listed, self._say, self._all = listed, say, len(wanted)
        self._bytes = sum(listed[name].size for name in wanted)
        self._count = self._done = 0
        self._next = time.monotonic() + _SAY_EVERY
        say(f"{self._all:,} files ({decimal(self._bytes)}) to bring")

    def brought(self, name: str) -> None:
        """One more is here."""
        self._count += 1
        self._done += self._listed[name].size
        if time.monotonic() > self._next:
            self._next = time.monotonic() + _SAY_EVERY
            self._say(f"{self._count:,} of {self._all:,} files ({decimal(self._done)})")


def _refuse_unsafe(listed: Mapping[str, Entry], what: str) -> None:
    for name in listed:
        if not is_safe(name):
            raise UserError(
                f"names of {what} are paths below their folder, without `..`, `//` or a part of "
                f"more than {_LONGEST_PART} bytes; received {name!r}: rename it there"
            )


def _refuse_full(folder: Path, needed: int) -> None:
    free = free_bytes(folder)
    if needed > free:
        raise NeurosweepError(
            f"{folder} needs {needed:,} bytes more, but its disk has {free:,} free; make room, or "
            "name a folder on another disk (for the cache, NEUROSWEEP_CACHE does)"
        )


def _bring(origin: Origin, path: Path, name: str, entry: Entry, what: str) -> None:
    content = origin.get(name)
    if content is None:
        return  # deleted since it was listed
    if len(content) != entry.size:
        now = origin.entry(name)  # it may have been written anew meanwhile
        if now is None or now.size != len(content):
            told = entry.size if now is None else now.size
            raise StoreError(
                f"{origin}/{name} has {told:,} bytes, {len(content):,} came; give the same "
                "command again (what was brought is kept)"
            )
    with writing(path, what=what, error=UserError):
        write_whole(path, content)
        if entry.modified is not None:
            # Last: a file that was written and not dated is read again.
            os.utime(path, (entry.modified.timestamp(),) * 2)


def _is_here(path: Path, entry: Entry) -> bool:
    if entry.modified is None or not path.is_file():
        return False
    found = path.stat()
    late = abs(found.st_mtime - entry.modified.timestamp())
    return found.st_size == entry.size and late < _CLOCK_GRAIN
