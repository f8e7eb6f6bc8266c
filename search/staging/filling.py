"""Fills a folder with weight files, to be carried to machines without internet.

What is whole is left as it is, so that the same command goes on where it ended, and adopts files
that a person put there. A file appears when it is whole, and is named in `weights.json` from then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurosweep.errors import WeightsError
from scans import write_whole
from search.staging.writing import writing
from spaces import BackboneRecord
from trainables.weights.digests import sha256_of
from trainables.weights.downloading import alone_in, download
from trainables.weights.faults import MISSING, Fault, Rules, fault_of, read_rules
from trainables.weights.listing import LISTING, Listed, listing_bytes

__all__ = ["Filled", "Staged", "fill"]

_NO_DOWNLOAD_AFTER_FAILURE = "an earlier download failed, and none was tried"


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What became of one file.

    Attributes:
        record: Whose weights it holds, or should hold.
        path: Where it is, or should be.
        state: "whole" (it was there and named), "adopted" (it was there), "copied", "downloaded",
            "missing" or "damaged".
        bytes: Its length; None where there is none that is whole.
        sha256: Of its content, or None.
        reason: Why it is missing or damaged, or None.
    """

    record: BackboneRecord
    path: Path
    state: str
    bytes: int | None = None
    sha256: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What a folder holds after it was filled: files in the order that was asked for."""

    folder: Path
    files: tuple[Staged, ...]

    @property
    def lacking(self) -> list[Staged]:
        """The files that are not whole."""
        return [one for one in self.files if one.sha256 is None]


def fill(
    folder: Path,
    records: Sequence[BackboneRecord],
    *,
    source: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Filled:
    """Fills a folder; what cannot be had does not keep the others from it.

    Args:
        folder: The folder; it is made.
        records: The backbones whose files are wanted.
        source: A folder on this machine to copy from; None to download through Keras.
        say: Is told of each file before it is looked at.

    Raises:
        WeightsError: if the folder cannot be written, or a `weights.json` cannot be read.
        NeurosweepError: if the disk is full.
    """
    if source is not None and not source.is_dir():
        raise WeightsError(f"--from names a folder on this machine; there is no folder {source}")
    with writing(folder), alone_in(folder):
        filler = _Filler(folder, source)
        files = []
        for number, record in enumerate(records, 1):
            say(f"{number} of {len(records)}  {record.weights_file}")
            files.append(filler.have(record))
    return Filled(folder=folder, files=tuple(files))


class _Filler:
    """One filling of one folder, of which this process is the only one."""

    def __init__(self, folder: Path, source: Path | None) -> None:
        self._folder = folder
        self._source = source
        self._rules = _rules(folder)
        self._source_rules = None if source is None else _rules(source)
        self._listed = dict(self._rules.listed)
        self._failure: str | None = None

    def have(self, record: BackboneRecord) -> Staged:
        """Makes sure of one file, as far as it can be had."""
        path = self._folder / record.weights_file
        fault = fault_of(path, record, self._rules)
        if fault is None:
            state = "whole" if record.weights_file in self._rules.listed else "adopted"
            return self._note(record, state, source=_origin(record))
        if fault.is_whole:  # it may be all that there is of somebody's own weights
            return self._lacking(record, fault.text, "damaged")
        if self._source is not None and self._source_rules is not None:
            return self._copy(record, self._source, self._source_rules)
        return self._download(record, fault)

    def _copy(self, record: BackboneRecord, source: Path, rules: Rules) -> Staged:
        theirs = source / record.weights_file
        ours = record.weights_file in self._rules.listed  # then it must be the same file
        fault = fault_of(theirs, record, rules) or (
            fault_of(theirs, record, self._rules) if ours else None
        )
        if fault is not None:
            state = "missing" if fault.text == MISSING else "damaged"
            return self._lacking(record, f"in {source}: {fault.text}", state)
        _copy_whole(theirs, self._folder / record.weights_file)
        listed = rules.listed.get(record.weights_file)
        origin = listed.source if listed is not None else ""
        return self._note(record, "copied", source=origin or _origin(record))

    def _download(self, record: BackboneRecord, fault: Fault) -> Staged:
        state = "missing" if fault.text == MISSING else "damaged"
        if self._failure is not None:  # each try may take half a minute where there is no internet
            return self._lacking(record, self._failure, state)
        try:
            download(record, self._folder, self._rules)
        except WeightsError as error:
            self._failure = _NO_DOWNLOAD_AFTER_FAILURE
            return self._lacking(record, str(error), state)
        return self._note(record, "downloaded", source=record.weights_url)

    def _note(self, record: BackboneRecord, state: str, *, source: str) -> Staged:
        """Names a whole file in `weights.json`, at once: an interruption loses nothing."""
        path = self._folder / record.weights_file
        sha256, length = sha256_of(path), path.stat().st_size
        if state != "whole":
            self._listed[record.weights_file] = Listed(
                sha256=sha256, bytes=length, backbone=record.name, source=source
            )
            write_whole(self._folder / LISTING, listing_bytes(self._listed))
        return Staged(record=record, path=path, state=state, bytes=length, sha256=sha256)

    def _lacking(self, record: BackboneRecord, reason: str, state: str) -> Staged:
        path = self._folder / record.weights_file
        return Staged(record=record, path=path, state=state, reason=reason)


def _origin(record: BackboneRecord) -> str:
    """Where a file came from that nobody has named: only Keras' checksum tells."""
    return record.weights_url if record.weights_hash else "put there by hand"


def _rules(folder: Path) -> Rules:
    rules = read_rules(folder)
    if rules.unreadable is not None:
        raise WeightsError(
            f"{folder / LISTING} must be what `neurosweep weights stage` writes; received "
            f"something else: {rules.unreadable}. Correct it, or delete it: then files are held to "
            "the checksums that Keras knows."
        )
    return rules


def _copy_whole(source: Path, target: Path) -> None:
    """Copies a file, which appears under its name when all of it is on the disk."""
    aside = target.with_name(f"{target.name}.partial")
    try:
        with source.open("rb") as content, aside.open("wb") as copy:
            shutil.copyfileobj(content, copy, 2**20)
            copy.flush()
            os.fsync(copy.fileno())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
