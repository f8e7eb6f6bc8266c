"""What stands in the cache folder: listed for people, and cleared without touching anything else.

Known are the decoded caches, features of frozen networks, weights fetched from a store, copies of
image folders and of runs, manifest indexes, measurements of this machine and the phantom data, by
their places, names and contents.
Links are never followed and other files never deleted.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from neurosweep.errors import NeurosweepError, UserError
from scans.caches.decoded import ABOUT, DECODED, IMAGES, USED, lock_of
from scans.caches.fetched import FETCHED
from scans.manifest import PHANTOM_MARKER

DECODED_IMAGES, MANIFEST_INDEX, PHANTOM_DATA = "decoded images", "manifest index", "phantom data"
MEASUREMENT, FEATURES, WEIGHTS = "measurement", "features", "weights"
"""The kinds of what is stored; the last two are also the folders, below the cache folder, that hold
one folder each per cache of features and per store that weights were fetched from."""

IMAGE_COPY, RUN_COPY = "copy of images", "copy of a run"

READ_RUNS = "read-runs"
"""Name of the folder, below the cache folder, that holds what was read of runs on stores."""

MANIFESTS = "manifests"
"""Name of the folder, below the cache folder, that holds one file per manifest index."""

MEASURED = "measured"
"""Name of the folder, below the cache folder, that holds one file per measurement of speed."""

PHANTOM = "phantom"

VALUES, MARKS = "values.npy", "marks.npy"
"""The files of a cache of features."""

WEIGHTS_LOCK = Path(".neurosweep-weights", "lock")
"""What whoever fills a folder of weights holds; it is never deleted."""

_KEY = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}-(?P<size>[0-9]+)px-(?P<color>grey|rgb)-[a-z]+-v[0-9]+")
_PARTS = re.compile(
    rf"images\.(npy|partial)|{USED}|(about|statistics-[0-9a-f]{{16}})\.json(\.[0-9a-f]{8}\.partial)?"
)
_FEATURES_KEY = re.compile(
    r"\w+-(?P<size>[0-9]+)px-[a-z]+-\w+-(plain|flipped|random[0-9]+)-[0-9a-f]{16}"
)
_FEATURE_PARTS = re.compile(rf"{VALUES}|{MARKS}|{USED}|about\.json(\.[0-9a-f]{{8}}\.partial)?")
_WEIGHTS_KEY = re.compile(r"[0-9a-f]{16}")
_WEIGHT_PARTS = re.compile(r"(weights\.json|[\w.-]+\.h5)(\.[0-9a-f]{8}\.partial)?")
_IMAGES_KEY = re.compile(r"(store|driver)-[0-9a-f]{16}")
_RUN_KEY = re.compile(r"[A-Za-z0-9._-]+-[0-9a-f]{12}")
_INDEX = re.compile(
    r"([0-9a-f]{16}\.parquet|pairs-[0-9a-f]{16}\.npy)(?P<unfinished>\.[0-9a-f]{8}\.partial)?"
)
_MEASUREMENT = re.compile(r"[0-9a-f]{16}\.json(?P<unfinished>\.[0-9a-f]{8}\.partial)?")
_FOLDERS: dict[str, tuple[str | None, re.Pattern[str]]] = {
    DECODED_IMAGES: (IMAGES, _PARTS),
    FEATURES: (MARKS, _FEATURE_PARTS),
    WEIGHTS: (None, _WEIGHT_PARTS),
}
"""Per kind that is a folder: the file that goes first, and the names of all."""

_BLOCK = 512  # bytes, in which systems count what a file takes, whatever their disks do
_LARGEST_ABOUT = 65_536  # bytes; ours have some hundred


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One thing in the cache folder.

    Attributes:
        key: Its name, by which it can be cleared.
        kind: `DECODED_IMAGES`, `FEATURES`, `WEIGHTS`, `IMAGE_COPY`, `RUN_COPY`, `MANIFEST_INDEX`,
            `MEASUREMENT` or `PHANTOM_DATA`.
        path: Its folder or file.
        root: The data folder it was made from; None where that is not known.
        images: How many; None where that is not known.
        image_size: Height and width in pixels, or None.
        color: "grey", "rgb" or None.
        size: Bytes of its files; of features, whose files have holes, what they take on the disk.
        last_used: When it was last opened, in UTC.
        complete: False for what a builder has not finished, or never will.
    """

    key: str
    kind: str
    path: Path
    root: str | None = None
    images: int | None = None
    image_size: int | None = None
    color: str | None = None
    size: int
    last_used: datetime
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """What clearing did.

    Attributes:
        removed: What is gone.
        kept: What was to go and is still there, each with the reason.
    """

    removed: tuple[Stored, ...]
    kept: tuple[tuple[Stored, str], ...]


def list_stored(cache: Path) -> list[Stored]:
    """List what a cache folder holds, decoded images first, each kind sorted by key.

    Args:
        cache: The folder; where it is missing, nothing is stored.

    Raises:
        NeurosweepError: It cannot be read.
    """
    try:
        return [
            *_decoded(cache / DECODED),
            *_features(cache / FEATURES),
            *_weights(cache / WEIGHTS),
            *_copies(cache / FETCHED, _IMAGES_KEY, IMAGE_COPY),
            *_copies(cache / READ_RUNS, _RUN_KEY, RUN_COPY),
            *_files(cache / MANIFESTS, _INDEX, MANIFEST_INDEX),
            *_files(cache / MEASURED, _MEASUREMENT, MEASUREMENT),
            *_phantom(cache),
        ]
    except OSError as error:
        raise NeurosweepError(
            f"The cache folder must be readable, but at {cache} there is: {error}; correct its "
            "permissions."
        ) from error


def clear_stored(cache: Path, keys: Collection[str], *, everything: bool = False) -> Cleared:
    """Delete what a cache folder holds; a process that has it mapped keeps what it has.

    Args:
        cache: The folder.
        keys: Which; empty for all but the phantom data.
        everything: Without keys: the phantom data, too.

    Raises:
        UserError: There is nothing by one of the keys; nothing was deleted then.
        NeurosweepError: Something cannot be deleted.
    """
    stored = list_stored(cache)
    removed, kept = [], []
    for one in _chosen(stored, keys, everything=everything, cache=cache):
        reason = _remove(one)
        if reason is None:
            removed.append(one)
        else:
            kept.append((one, reason))
    return Cleared(removed=tuple(removed), kept=tuple(kept))


def _chosen(
    stored: Sequence[Stored], keys: Collection[str], *, everything: bool, cache: Path
) -> list[Stored]:
    unknown = sorted(set(keys) - {one.key for one in stored})
    if unknown:
        there = ", ".join(one.key for one in stored) or "nothing"
        raise UserError(
            f"a KEY must be one that `neurosweep cache list` shows; received "
            f"{', '.join(map(repr, unknown))}, and {cache} holds {there}"
        )
    if keys:
        return [one for one in stored if one.key in keys]
    return [one for one in stored if everything or one.kind != PHANTOM_DATA]


def _decoded(folder: Path) -> Iterator[Stored]:
    for path, name in _folders(folder, _KEY):
        about, files = _read_about(path / ABOUT), _parts(path, _PARTS)
        times = [files[each].st_mtime for each in (USED, IMAGES) if each in files]
        yield Stored(
            key=path.name,
            kind=DECODED_IMAGES,
            path=path,
            root=about.get("root") if isinstance(about.get("root"), str) else None,
            images=about.get("images") if isinstance(about.get("images"), int) else None,
            image_size=int(name["size"]),
            color=name["color"],
            size=sum(each.st_size for each in files.values()),
            last_used=_utc([*times, os.lstat(path).st_mtime][0]),
            complete=IMAGES in files,
        )


def _features(folder: Path) -> Iterator[Stored]:
    for path, name in _folders(folder, _FEATURES_KEY):
        shape, files = _read_about(path / ABOUT).get("shape"), _parts(path, _FEATURE_PARTS)
        images = shape[0] if isinstance(shape, list) and shape else None
        times = [each.st_mtime for each in files.values()]
        yield Stored(
            key=path.name,
            kind=FEATURES,
            path=path,
            images=images if isinstance(images, int) else None,
            image_size=int(name["size"]),
            size=sum(each.st_blocks * _BLOCK for each in files.values()),
            last_used=_utc(max(times, default=os.lstat(path).st_mtime)),
            complete=files.keys() >= {VALUES, MARKS},
        )


def _weights(folder: Path) -> Iterator[Stored]:
    for path, _ in _folders(folder, _WEIGHTS_KEY):
        files = _parts(path, _WEIGHT_PARTS)
        if not files or _entries(path / WEIGHTS_LOCK.parent) == []:
            continue  # cleared, or made by somebody else
        yield Stored(
            key=path.name,
            kind=WEIGHTS,
            path=path,
            size=sum(each.st_size for each in files.values()),
            # Fetched files carry the store's time of change; theirs here is that of the inode.
            last_used=_utc(max(max(each.st_atime, each.st_ctime) for each in files.values())),
            complete=not any(one.endswith(".partial") for one in files),
        )


def _copies(folder: Path, names: re.Pattern[str], kind: str) -> Iterator[Stored]:
    for path, _ in _folders(folder, names):
        about, sizes = _read_about(path / ABOUT), _sizes(path)
        images = about.get("files") if kind == IMAGE_COPY else None
        yield Stored(
            key=path.name,
            kind=kind,
            path=path,
            root=about.get("from") if isinstance(about.get("from"), str) else None,
            images=images if isinstance(images, int) else None,
            size=sum(sizes),
            last_used=_utc(os.lstat(path).st_mtime),
            complete=bool(about),
        )


def _sizes(folder: Path) -> list[int]:
    """Return the bytes of each file below a folder."""
    return [
        os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - as `os.walk` gives them
        for place, _, names in os.walk(folder)
        for name in names
    ]


def _folders(folder: Path, names: re.Pattern[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    """Return the folders below one of ours that have names of ours."""
    for entry in _entries(folder):
        name = names.fullmatch(entry.name)
        if name is not None and entry.is_dir(follow_symlinks=False):
            yield Path(entry.path), name


def _files(folder: Path, names: re.Pattern[str], kind: str) -> Iterator[Stored]:
    for entry in _entries(folder):
        name = names.fullmatch(entry.name)
        if name is not None and entry.is_file(follow_symlinks=False):
            facts = entry.stat(follow_symlinks=False)
            yield Stored(
                key=entry.name.partition(".")[0],
                kind=kind,
                path=Path(entry.path),
                size=facts.st_size,
                last_used=_utc(facts.st_mtime),
                complete=name["unfinished"] is None,
            )


def _phantom(cache: Path) -> Iterator[Stored]:
    folder = cache / PHANTOM
    marker = folder / PHANTOM_MARKER
    if folder.is_symlink() or marker.is_symlink() or not marker.is_file():
        return
    made_with = _read_about(marker).get("phantom")
    facts = made_with if isinstance(made_with, dict) else {}
    yield Stored(
        key=PHANTOM,
        kind=PHANTOM_DATA,
        path=folder,
        root=str(folder),
        images=facts.get("images") if isinstance(facts.get("images"), int) else None,
        image_size=facts.get("size") if isinstance(facts.get("size"), int) else None,
        size=sum(_sizes(folder)),
        last_used=_utc(marker.stat().st_mtime),
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder of ours holds, sorted; nothing of a link, which is not ours."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _parts(folder: Path, names: re.Pattern[str]) -> dict[str, os.stat_result]:
    """Return the files of a folder that have names of ours, with what the system knows of them."""
    files = {}
    for entry in _entries(folder):
        if names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):  # a builder has just renamed it
                files[entry.name] = entry.stat(follow_symlinks=False)
    return files


def _read_about(path: Path) -> dict[str, Any]:
    """Return what a small JSON file says; nothing where it is missing or damaged."""
    try:
        with path.open("rb") as file:
            about = json.loads(file.read(_LARGEST_ABOUT))
    except (OSError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _remove(stored: Stored) -> str | None:
    """Delete one thing; return why not where it has to stay."""
    try:
        if stored.kind == PHANTOM_DATA:
            shutil.rmtree(stored.path)
            return None
        if stored.kind in (MANIFEST_INDEX, MEASUREMENT):
            stored.path.unlink(missing_ok=True)  # written whole, so nobody holds a lock on it
            return None
        with FileLock(_lock(stored), timeout=0):
            if stored.kind in (IMAGE_COPY, RUN_COPY):
                shutil.rmtree(stored.path)  # nothing but copies is put below its name
                return None
            return _remove_locked(stored)
    except Timeout:
        return "it is being built right now"
    except OSError as error:
        raise NeurosweepError(
            f"What is cleared must be writable, but {stored.path} is not: {error}; correct its "
            "permissions, or delete it yourself."
        ) from error


def _lock(stored: Stored) -> Path:
    return stored.path / WEIGHTS_LOCK if stored.kind == WEIGHTS else lock_of(stored.path)


def _remove_locked(stored: Stored) -> str | None:
    path = stored.path
    first, names = _FOLDERS[stored.kind]
    if first is not None:
        (path / first).unlink(missing_ok=True)  # without it, the rest is no cache
    for name in _parts(path, names):
        (path / name).unlink(missing_ok=True)
    left = [entry.name for entry in _entries(path)]
    others = [name for name in left if stored.kind != WEIGHTS or name != WEIGHTS_LOCK.parts[0]]
    if others:
        return f"it holds what is not ours: {', '.join(others)}"
    if not left:
        path.rmdir()
    return None
