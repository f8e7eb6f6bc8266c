"""Keeps the cached output of networks' frozen parts, as fine-tuning leaves it, within a bound.

The lower part of a custom network is one trial's own, so what it gave is never asked for again once
that trial is fine-tuned; a backbone's may be. What was used longest ago goes first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from neurosweep.errors import NeurosweepError
from scans.caches.decoded import free_bytes
from scans.caches.stored import FEATURES, Stored, clear_stored, list_stored

__all__ = ["MOST_BYTES", "OPERATION", "make_room"]

MOST_BYTES = 20 * 10**9
"""The most that all activations of a cache take together, in bytes, where the disk is large."""

OPERATION = "operation"
"""What the layer of a key begins with where activations are kept; a number follows."""

_SHARE = 0.5  # of what the disk would have free without them
_LAYER = 3  # its place among the parts of a folder's name
_log = logging.getLogger(__name__)


def make_room(cache: Path, folder: Path, needed: int) -> None:
    """Removes other activations until they and what is to come are within the bound.

    The bound is `MOST_BYTES`, or half of what the disk would have free without activations. What
    another process fills right now stays, and one that has mapped what is removed keeps its map.

    Args:
        cache: The folder of all caches.
        folder: Of the activations that are to be filled: it stays whatever it takes.
        needed: Bytes that will be added to it.
    """
    kept = sorted(_activations(cache), key=lambda one: one.last_used)
    taken = sum(one.size for one in kept)
    bound = min(MOST_BYTES, _SHARE * (free_bytes(cache.absolute()) + taken))
    for one in kept:
        if taken + needed <= bound:
            return
        if one.path.name != folder.name and _is_gone(cache, one):
            taken -= one.size


def _activations(cache: Path) -> Iterator[Stored]:
    for one in list_stored(cache):
        if one.kind == FEATURES and one.key.split("-")[_LAYER].startswith(OPERATION):
            yield one


def _is_gone(cache: Path, one: Stored) -> bool:
    try:
        return bool(clear_stored(cache, [one.key]).removed)
    except NeurosweepError as error:  # another process was faster, or it may not be deleted
        _log.warning("The activations %s were not removed: %s", one.path, error)
        return False
