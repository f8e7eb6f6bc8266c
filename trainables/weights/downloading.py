"""Has Keras download a weight file into a folder, where it appears when it is whole."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from neurosweep.errors import WeightsError
from spaces import BackboneRecord
from trainables.weights.faults import Rules, fault_of

__all__ = ["alone_in", "download"]

_SECONDS_WITHOUT_ANSWER = 30.0
_ASIDE = ".neurosweep-weights"
"""Folder below the one to fill, with the lock and with what is not whole yet."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time fill a folder; others wait. The folder is made.

    Raises:
        WeightsError: It cannot be made, written, or locked.
    """
    try:
        (folder / _ASIDE).mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _ASIDE / "lock")
        lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"Weights are downloaded into a folder that can be written and has locks; {folder} "
            f"does not ({error.strerror or error}). Correct its permissions, or name another one."
        ) from error
    try:
        yield  # the lock's file stays: who deletes it lets two in
    finally:
        lock.release()


def download(record: BackboneRecord, folder: Path, rules: Rules) -> None:
    """Get one file from where Keras gets it; the caller is `alone_in` the folder.

    What Keras shows of it goes to standard error.

    Args:
        record: Which backbone.
        folder: Where the file appears.
        rules: What the folder's files are held to.

    Raises:
        WeightsError: It could not be had, or what came is not the file; nothing is left of it.
    """
    target = folder / _ASIDE / record.weights_file
    target.unlink(missing_ok=True)  # without a checksum Keras would take half a file for done
    try:
        _fetch(record, target.parent)
        _check(target, record, rules)
        target.replace(folder / record.weights_file)
    finally:
        target.unlink(missing_ok=True)


def _fetch(record: BackboneRecord, into: Path) -> None:
    from trainables.runtime import quiet_import

    with quiet_import():
        import keras
    try:
        with _patience(), contextlib.redirect_stdout(sys.stderr):
            keras.utils.get_file(
                record.weights_file,
                origin=record.weights_url,
                file_hash=record.weights_hash or None,
                cache_dir=str(into.parent),
                cache_subdir=into.name,
            )
    except Exception as error:  # Keras raises the bare class when a URL fails
        raise WeightsError(f"The download failed: {error}.") from error


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Give up on a connection that stays silent: a firewall may swallow it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_ANSWER)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _check(file: Path, record: BackboneRecord, rules: Rules) -> None:
    fault = fault_of(file, record, rules)  # Keras goes elsewhere if it cannot write
    if fault is not None:
        raise WeightsError(
            f"The download failed: what came from {record.weights_url} as {record.weights_file} "
            f"cannot be used: {fault.text}."
        )
