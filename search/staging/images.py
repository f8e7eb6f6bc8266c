"""Images that lie on an object store: brought once to the driver's machine, which needs them all.

Workers get them from there (`search.workers.node_images`), so that one set of credentials is
enough, and nodes decode what the driver has audited and divided.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from filelock import FileLock

import scans
from neurosweep.errors import DataError, RunDirectoryError, UserError
from scans.caches.decoded import lock_of
from scans.caches.fetched import FetchedImages
from scans.files.content import MAX_BYTES
from scans.files.found import LAYOUT
from scans.files.listing import is_leftover
from search.mirror.store import Entry, Store
from search.staging.pulling import pull, remove_others
from search.staging.writing import writing

__all__ = ["have_images", "image_folder"]

_WHAT = "images"
_GO_ON = "give the same command again (images that are here are kept)"


def image_folder(path: Path | str) -> Path:
    """Where images are on this machine; brings nothing.

    Args:
        path: A folder, or the URI of one on a store.

    Returns:
        For a URI the folder of the cache that `have_images` fills; else the folder, absolute.
    """
    return path.expanduser().absolute() if isinstance(path, Path) else _copy_of(path).root


def have_images(path: Path | str) -> Path:
    """Makes sure that images are on this machine, as they are on the store now.

    Args:
        path: A folder, which is left as it is, or the URI of one on a store.

    Returns:
        The folder on this machine.

    Raises:
        DataError: if there is no such bucket, it may not be read, it holds no file, or one of a
            size that no data folder has.
        UserError: if a name leads out of the folder, or the cache folder cannot be written.
        StoreError: if the store does not answer.
        NeurosweepError: if the disk is, or would be, full.
    """
    if isinstance(path, Path):
        return image_folder(path)
    copy = _copy_of(path)
    try:
        store = Store(path, what="a folder of images", may="list and read", go_on=_GO_ON)
        listed = _listed(store)
        with writing(copy.folder, what=_WHAT, error=UserError):
            copy.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(lock_of(copy.folder))
            lock.acquire()
        try:
            _bring(store, copy, listed)
        finally:
            lock.release()
    except RunDirectoryError as error:
        raise DataError(str(error)) from None
    return copy.root


def _copy_of(uri: str) -> FetchedImages:
    digest = hashlib.sha256(uri.rstrip("/").encode()).hexdigest()[:16]
    return FetchedImages(scans.default_cache(), f"store-{digest}")


def _listed(store: Store) -> dict[str, Entry]:
    """The files that a data folder of the same content would have; hidden ones are passed over."""
    store.require()
    listed = {name: entry for name, entry in store.entries().items() if _is_visible(name)}
    if not listed:
        raise DataError(
            f"a data folder must hold images, but {store} holds no file; correct the URI, or put "
            f"the images there ({LAYOUT})"
        )
    for name, entry in listed.items():
        if entry.size > MAX_BYTES:
            raise DataError(
                f"a file of a data folder may have at most {MAX_BYTES:,} bytes; {name} in {store} "
                f"has {entry.size:,}: move it away, or name the folder of the images alone"
            )
    return listed


def _is_visible(name: str) -> bool:
    return not any(is_leftover(part) for part in PurePosixPath(name).parts if part != "..")


def _bring(store: Store, copy: FetchedImages, listed: Mapping[str, Entry]) -> None:
    was_whole = copy.is_whole
    with writing(copy.folder, what=_WHAT, error=UserError):
        copy.begin()
    read = pull(store, copy.root, listed, what=_WHAT, say=lambda text: _say(store, text))
    remove_others(copy.root, list(listed), what=_WHAT)
    total = sum(entry.size for entry in listed.values())
    with writing(copy.folder, what=_WHAT, error=UserError):
        copy.complete({"from": store.uri, "files": len(listed), "bytes": total})
    if read or not was_whole:
        _say(store, f"all {len(listed):,} files are in {copy.root}")


def _say(store: Store, text: str) -> None:
    print(f"images of {store}: {text}", file=sys.stderr, flush=True)
