"""What keeps a weight file from being used, said before any trial needs it.

A file that the folder's `weights.json` names is held to what is said there, else to Keras' own
checksum where Keras has one. In all cases it must hold as many numbers as the backbone has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spaces import BACKBONES, BackboneRecord
from trainables.weights.contents import Contents, UnreadableWeightsError, read_contents
from trainables.weights.digests import md5_of, sha256_of
from trainables.weights.imagenet import IMAGENET_DEVIATION, IMAGENET_MEAN
from trainables.weights.listing import LISTING, Listed, UnreadableListingError, read_listing

__all__ = ["MISSING", "Fault", "Rules", "fault_of", "find_faults", "read_rules"]

MISSING = "missing"
"""What is said of a file that is not there."""

_MD5_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One file that cannot be used.

    Attributes:
        record: Whose weights it should hold.
        path: Where it is, or should be.
        text: What is wrong, in a few words; `MISSING` if it is not there.
        is_whole: It would load, but is not the file that it should be by its checksum.
        source: Where the right one is to be had.
    """

    record: BackboneRecord
    path: Path
    text: str
    is_whole: bool = False
    source: str


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the files of a folder are held to.

    Attributes:
        listed: What `weights.json` says, by file name.
        unreadable: Why there is a `weights.json` that cannot be read, or None. Then nothing is
            known of the user's own files, and checksums are left out.
    """

    listed: Mapping[str, Listed]
    unreadable: str | None = None


def read_rules(folder: Path) -> Rules:
    """Read what the files of a folder are held to."""
    try:
        return Rules(listed=read_listing(folder))
    except UnreadableListingError as error:
        return Rules(listed={}, unreadable=str(error))


def find_faults(folder: Path, records: Iterable[BackboneRecord], rules: Rules) -> list[Fault]:
    """Look at every file that the records need; loads neither TensorFlow nor Keras."""
    faults = (fault_of(folder / record.weights_file, record, rules) for record in records)
    return [fault for fault in faults if fault is not None]


def fault_of(path: Path, record: BackboneRecord, rules: Rules) -> Fault | None:
    """What is wrong with one file, whatever it is called; None for nothing.

    Args:
        path: The file.
        record: Whose weights it should hold.
        rules: Those of the folder under the record's file name.
    """
    listed = rules.listed.get(record.weights_file)
    try:
        texts, is_whole = _texts(path, record, rules, listed)
    except OSError as error:
        texts, is_whole = [f"it cannot be read ({error.strerror or error})"], False
    if not texts:
        return None
    source = listed.source if listed is not None and listed.source else record.weights_url
    return Fault(record=record, path=path, text="; ".join(texts), is_whole=is_whole, source=source)


def _texts(
    path: Path, record: BackboneRecord, rules: Rules, listed: Listed | None
) -> tuple[list[str], bool]:
    if not path.exists() and not path.is_symlink():
        return [MISSING], False
    if not path.is_file():
        return ["it is no regular file"], False
    if path.stat().st_size == 0:
        return ["it is empty"], False
    structure = _structure(path, record)
    if listed is not None:
        checksum = _against_listing(path, record, listed)
    else:
        checksum = [] if rules.unreadable or structure else _against_keras(path, record)
    return [*structure, *checksum], not structure


def _structure(path: Path, record: BackboneRecord) -> list[str]:
    try:
        contents = read_contents(path)
    except UnreadableWeightsError as error:
        return [f"truncated or none of Keras' weight files: {error}"]
    if contents.values != record.parameters:
        return [
            f"it holds {contents.values:,} numbers where {record.name} has "
            f"{record.parameters:,}{_alike(contents)}"
        ]
    return _statistics(contents)


def _alike(contents: Contents) -> str:
    names = [name for name, one in BACKBONES.items() if one.parameters == contents.values]
    return f": it looks like {' or '.join(names)}" if names else ": of no backbone that is known"


def _statistics(contents: Contents) -> list[str]:
    if contents.input_statistics is None:
        return []
    mean, variance = contents.input_statistics
    # The network is built around these figures; the "variance" of Keras' files is the deviation.
    if _close(mean, IMAGENET_MEAN) and _close(variance, IMAGENET_DEVIATION):
        return []
    return [
        f"it normalises its input by {mean} and {variance}; known are Keras' own "
        f"{IMAGENET_MEAN} and {IMAGENET_DEVIATION}"
    ]


def _close(numbers: Sequence[float], wanted: Sequence[float]) -> bool:
    return bool(np.allclose(numbers, wanted, atol=1e-4))


def _against_listing(path: Path, record: BackboneRecord, listed: Listed) -> list[str]:
    if listed.backbone != record.name:
        return [f"{LISTING} says that it is of {listed.backbone}"]
    size = path.stat().st_size
    if size != listed.bytes:
        return [f"it has {size:,} bytes where {LISTING} says {listed.bytes:,}"]
    if sha256_of(path) != listed.sha256:
        return [f"its SHA-256 is not the one that {LISTING} says"]
    return []


def _against_keras(path: Path, record: BackboneRecord) -> list[str]:
    known = record.weights_hash
    kind, digest = ("MD5", md5_of) if len(known) == _MD5_DIGITS else ("SHA-256", sha256_of)
    if not known or digest(path) == known:
        return []
    return [
        f"it is not Keras' own file ({kind} {known}); weights of your own must be named in "
        f"{LISTING}"
    ]
