"""Which images of a data set are copies of one another: exactly, or nearly."""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scans.copies.hash_index import RADIUS, near_hashes
from scans.copies.resemblance import NEAR, similarities
from scans.copies.signature import HASH_BYTES, SIGNATURE_VERSION
from scans.files.whole_files import write_whole
from scans.manifest import Manifest

__all__ = ["Copies", "connect", "find_copies"]

_log = logging.getLogger(__name__)

_RULE = f"v1 signature {SIGNATURE_VERSION} radius {RADIUS} similarity {NEAR}"
"""What near pairs depend on beside the pictures."""

_PAIR = np.dtype([("first", "<i8"), ("second", "<i8"), ("similarity", "<f4")])


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies:
    """Copies among the images of a manifest.

    Attributes:
        picture: Number of each row's picture, (images,): equal for images of equal pixels.
        near: Pairs of pictures that are near-duplicates, (pairs, 2), the smaller number first.
        similarity: Of each near pair, (pairs,), `scans.copies.resemblance.NEAR` to 1.
        groups: Number of each row's group, (images,): images that are copies of one another,
            exactly or nearly, directly or through further copies.
    """

    picture: NDArray[np.int64]
    near: NDArray[np.int64]
    similarity: NDArray[np.float32]
    groups: NDArray[np.int32]


def find_copies(manifest: Manifest, *, cache: Path | None = None) -> Copies:
    """Find the exact and the near copies among a manifest's images.

    Images are exact copies when all decoded pixels are equal, and near copies when their
    similarity (see `scans.copies.resemblance`) reaches `NEAR`: flipped, turned a little,
    brightened or compressed again.

    Args:
        manifest: Of the data folder.
        cache: Folder of the caches; the near pairs of equal pictures are not sought again. None
            seeks them.
    """
    hashes = np.array(manifest.columns["pixel_hash"])
    pictures, first, picture = np.unique(hashes, return_index=True, return_inverse=True)
    key = hashlib.sha256("\n".join([_RULE, *pictures]).encode()).hexdigest()
    path = None if cache is None else cache / "manifests" / f"pairs-{key[:16]}.npy"
    pairs = _remembered(path, len(pictures))
    if pairs is None:
        pairs = _seek(manifest, first)
        _remember(path, pairs)
    near = np.stack([pairs["first"], pairs["second"]], axis=1)
    return Copies(
        picture=picture,
        near=near,
        similarity=pairs["similarity"],
        groups=connect(len(pictures), near)[picture],
    )


def _seek(manifest: Manifest, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Find the near pairs among these rows, one of each picture."""
    hashes = manifest.columns["perceptual_hash"]
    whole = np.frombuffer(bytes.fromhex("".join(hashes[row] for row in rows)), dtype=np.uint8)
    candidates = near_hashes(whole.reshape(-1, HASH_BYTES))
    signatures = manifest.signatures()[rows]
    found = similarities(signatures, candidates[:, 0], candidates[:, 1])
    near = found >= NEAR
    pairs = np.zeros(int(near.sum()), dtype=_PAIR)
    pairs["first"], pairs["second"] = candidates[near].T
    pairs["similarity"] = np.minimum(found[near], 1)
    return pairs


def connect(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int32]:
    """Number the groups that links hold together.

    Args:
        count: Members.
        pairs: Links between two of them, (links, 2).

    Returns:
        Number of each member's group, (count,).
    """
    # SciPy's connected components would do, but importing them takes a third of the second that
    # the audit of an unchanged folder may take.
    groups = np.arange(count)
    while True:
        least = np.minimum(groups[pairs[:, 0]], groups[pairs[:, 1]])
        before = groups.copy()
        for side in (0, 1):
            np.minimum.at(groups, groups[pairs[:, side]], least)
            np.minimum.at(groups, pairs[:, side], least)
        groups = groups[groups]
        if np.array_equal(before, groups):
            break
    return np.unique(groups, return_inverse=True)[1].astype(np.int32)


def _remembered(path: Path | None, pictures: int) -> NDArray[Any] | None:
    """Read the pairs that were found before; None where there are none of use."""
    if path is None or not path.exists():
        return None
    try:
        return _checked(np.load(path, allow_pickle=False), pictures)
    except (OSError, EOFError, ValueError) as error:
        _log.warning("The pairs in %s cannot be read (%s) and are sought again.", path, error)
        return None


def _checked(pairs: NDArray[Any], pictures: int) -> NDArray[Any]:
    """Return the pairs; whatever else the file held is a ValueError."""
    if pairs.dtype != _PAIR or pairs.ndim != 1:
        raise ValueError("it holds something else")
    if len(pairs) and not (pairs["first"].min() >= 0 and pairs["second"].max() < pictures):
        raise ValueError("they are of other pictures")
    return pairs


def _remember(path: Path | None, pairs: NDArray[Any]) -> None:
    if path is None:
        return
    content = io.BytesIO()
    np.save(content, pairs, allow_pickle=False)
    try:
        write_whole(path, content.getvalue())
    except OSError as error:  # costs time at the next start, and nothing else
        _log.warning("The pairs in %s could not be written: %s", path, error)
