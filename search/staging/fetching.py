"""Pretrained weights that lie on an object store: fetched once to this machine.

A file that is here with the size and the time of change that the store tells of is not fetched
again, and one that changed there is.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.filesize import decimal

import scans
from neurosweep.errors import RunDirectoryError, WeightsError
from scans import write_whole
from search.files.uris import is_uri
from search.mirror.store import Entry, Store
from search.staging.writing import writing
from spaces import BACKBONES
from trainables.backbone_weights import check_weights
from trainables.weights.downloading import alone_in
from trainables.weights.listing import LISTING, MOST_BYTES

__all__ = ["fetch_weights", "have_weights", "resolve_weights"]

_MOST_BYTES = 2**31
"""Largest weight file that is fetched; the largest of Keras' backbones has less than 2 GB."""

_GO_ON = "give the same command again (what was fetched is kept)"


def resolve_weights(weights: str) -> str:
    """Where weights are on this machine; fetches nothing.

    Args:
        weights: "imagenet", "random", "none", a folder, or the URI of a folder on a store.

    Returns:
        For a URI the folder of the cache that `fetch_weights` fills; else what was given.
    """
    if not is_uri(weights):
        return weights
    name = hashlib.sha256(weights.encode()).hexdigest()[:16]
    return str(scans.default_cache() / "weights" / name)


def have_weights(weights: str, backbones: Sequence[str]) -> None:
    """Makes sure that weights are on this machine and whole, before any trial.

    Args:
        weights: "imagenet", "random", "none", a folder, or the URI of a folder on a store.
        backbones: Names of backbones.

    Raises:
        WeightsError: if files are missing or cannot be used; all are named.
        StoreError: if a store does not answer.
    """
    if not is_uri(weights):
        check_weights(weights, backbones)
        return
    folder = fetch_weights(weights, backbones)
    check_weights(str(folder), backbones, place=f"{weights} (here in {folder})")


def fetch_weights(uri: str, backbones: Sequence[str]) -> Path:
    """Fetches the files of these backbones, and `weights.json` where there is one.

    What the store lacks is not here afterwards either; whether all is whole, `have_weights` says.

    Args:
        uri: A folder on a store, such as s3://BUCKET/WEIGHTS.
        backbones: Names of backbones.

    Returns:
        The folder on this machine.

    Raises:
        WeightsError: if the URI cannot be used, a file is too large, or it cannot be written.
        StoreError: if the store does not answer.
    """
    folder = Path(resolve_weights(uri))
    names = [BACKBONES[name].weights_file for name in backbones]
    try:
        store = Store(uri, what="a folder of weights", go_on=_GO_ON)
        with alone_in(folder):
            _remove_halves(folder)
            _bring(store, folder, LISTING, most=MOST_BYTES)
            for name in names:
                _bring(store, folder, name, most=_MOST_BYTES)
    except RunDirectoryError as error:
        raise WeightsError(str(error)) from error
    return folder


def _remove_halves(folder: Path) -> None:
    """Removes what a killed driver had not written to its end; nobody else writes here now."""
    for path in folder.glob("*.partial"):
        with writing(path):
            path.unlink()


def _bring(store: Store, folder: Path, name: str, *, most: int) -> None:
    """Makes the file here what it is there, whole or not at all."""
    path, entry = folder / name, store.entry(name)
    if entry is not None and _is_here(path, entry):
        return
    content = None if entry is None else _content(store, name, entry, most)
    with writing(path):
        if content is None or entry is None:
            path.unlink(missing_ok=True)
            return
        write_whole(path, content)
        if entry.modified is not None:
            os.utime(path, (entry.modified.timestamp(),) * 2)


def _content(store: Store, name: str, entry: Entry, most: int) -> bytes | None:
    if entry.size > most:
        raise WeightsError(
            f"{name} may have at most {most:,} bytes; on {store} it has {entry.size:,}. Put the "
            "right file there."
        )
    if name != LISTING:  # hundreds of megabytes may be on their way: say so, as Keras does
        print(f"fetching {name} ({decimal(entry.size)}) from {store}", file=sys.stderr, flush=True)
    return store.get(name)


def _is_here(path: Path, entry: Entry) -> bool:
    if entry.modified is None or not path.is_file():
        return False
    found = path.stat()
    return found.st_size == entry.size and abs(found.st_mtime - entry.modified.timestamp()) < 1e-3
