"""Where the weights of one backbone are on this machine, by what they must be.

A recipe names weights as the user did: by a folder, a URI, or as Keras' own. On another machine of
a cluster they can be elsewhere, or have been delivered by the driver into the cache.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import scans
from neurosweep.errors import WeightsError
from search.staging.fetching import resolve_weights
from spaces import BACKBONES
from trainables.backbone_weights import weights_folder
from trainables.weights.digests import sha256_of

__all__ = [
    "are_files",
    "delivered_file",
    "delivery",
    "find_weights",
    "local_weights",
    "worker_weights",
]


def are_files(weights: str, sha256: str) -> bool:
    """Whether weights are files that can be told by their hash.

    Args:
        weights: "imagenet", "random", "none", a folder or a URI.
        sha256: What the file must be; "" where that was not written down.
    """
    return weights not in ("none", "random") and sha256 != ""


def delivered_file(backbone: str, sha256: str) -> Path:
    """Where a file from the driver is put: below the cache, by what it is."""
    name = BACKBONES[backbone].weights_file
    return scans.default_cache() / "weights" / sha256[:16] / name


def find_weights(weights: str, backbone: str, sha256: str) -> Path | None:
    """The folder on this machine that has the right file: the one told, or the one delivered.

    Args:
        weights: "imagenet", a folder or a URI.
        backbone: A name of `spaces.BACKBONES`.
        sha256: Of the file, in hexadecimal.

    Returns:
        None where neither has it.
    """
    told = weights_folder(resolve_weights(weights)) / BACKBONES[backbone].weights_file
    for file in (told, delivered_file(backbone, sha256)):
        if _is(file, sha256):
            return file.parent
    return None


def local_weights(weights: str, backbone: str, sha256: str) -> str:
    """Weights as `trainables` finds them on this machine.

    Args:
        weights: "imagenet", "random", "none", a folder or a URI.
        backbone: A name of `spaces.BACKBONES`.
        sha256: What the file must be; "" takes the one that is there.

    Returns:
        What was given where it holds here, else a folder; where the file is nowhere, the place in
        which whoever needs it will look for it.

    Raises:
        WeightsError: there is a file in that place, and it is another one.
    """
    told = resolve_weights(weights)
    if not are_files(weights, sha256):
        return told
    found = find_weights(weights, backbone, sha256)
    if found is not None:
        return told if found == weights_folder(told) else str(found)
    file = weights_folder(told) / BACKBONES[backbone].weights_file
    if file.is_file():
        raise WeightsError(
            f"{backbone} was used with the weights whose SHA-256 begins with {sha256[:16]}; "
            f"{file} is another file. Put the earlier one there, or start a new run with this one."
        )
    return told


def worker_weights(weights: str, backbone: str, sha256: str) -> str:
    """The same on a worker, where nothing is downloaded: the driver delivers what is needed.

    Args:
        weights: "imagenet", "random", "none", a folder or a URI.
        backbone: A name of `spaces.BACKBONES`.
        sha256: What the file must be; "" takes the one that is there.

    Returns:
        As `local_weights`; where the file is nowhere, the folder that it is delivered to, in which
        whoever needs it will miss it.

    Raises:
        WeightsError: there is another file in the place that was told.
    """
    found = local_weights(weights, backbone, sha256)
    if not are_files(weights, sha256) or find_weights(weights, backbone, sha256) is not None:
        return found
    return str(delivered_file(backbone, sha256).parent)


@contextmanager
def delivery(weights: str, backbone: str, sha256: str) -> Iterator[None]:
    """What is told within of a file that is missing on this node: who should have delivered it.

    Args:
        weights: "imagenet", "random", "none", a folder or a URI, as the recipe names them.
        backbone: A name of `spaces.BACKBONES`.
        sha256: What the file must be; "" where that was not written down.

    Raises:
        WeightsError: In place of one that says that the file is missing.
    """
    try:
        yield
    except WeightsError as error:
        if not are_files(weights, sha256) or find_weights(weights, backbone, sha256) is not None:
            raise
        raise WeightsError(
            f"Workers get weights from the driver's machine; it did not deliver those of "
            f"{backbone} (SHA-256 {sha256[:16]}…) to {socket.gethostname()}, which has none. Look "
            f"in the worker's log for why, or put {BACKBONES[backbone].weights_file} into "
            f"{delivered_file(backbone, sha256).parent} there. ({error})"
        ) from error


def _is(file: Path, sha256: str) -> bool:
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:  # who needs it says that it cannot be read
        return False
