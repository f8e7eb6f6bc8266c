"""What a worker fetches from the driver's machine before its child begins a task.

A node fetches once, whoever of its workers is first: what came is kept in the node's own caches.
What cannot be fetched is left to the child, which computes it or says what is missing.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scans
from neurosweep.errors import NeurosweepError, WeightsError
from scans.caches.decoded import CACHE_VARIABLE
from search.screening.images import Images
from search.staging.local_weights import are_files, delivered_file, find_weights
from search.staging.writing import writing
from search.workers.depot import RemoteDepot
from search.workers.task_recipes import recipes_of
from trainables import Recipe
from trainables.features.frozen import Frozen, looked_at
from trainables.features.shards import shards
from trainables.features.store import FeatureStore, Packed
from trainables.weights.downloading import alone_in

__all__ = ["Errands", "at_home"]

_PIECE_ROWS = 256  # of features in one message: 2 MB of the widest backbone

_LOCK_LIMIT = 60.0
"""Seconds to wait for another process of the node that fills the same cache."""

_log = logging.getLogger(__name__)


def at_home(source: scans.Source) -> scans.Source:
    """The source with this node's own cache, where the node's environment names one."""
    if CACHE_VARIABLE not in os.environ:
        return source
    return replace(source, cache=scans.default_cache())


class Errands:
    """Fetches what the tasks of one worker need."""

    def __init__(self, depot: RemoteDepot | None, beat: Callable[[], object] | None = None) -> None:
        """Fetches nothing where there is no depot.

        Args:
            depot: Where it is fetched from.
            beat: Called before each piece: a sign of life.
        """
        self._depot = depot
        self._beat = beat or (lambda: None)
        self._known: Images | None = None

    def fetch(self, task: str, payload: Mapping[str, Any]) -> None:
        """Fetches what a task of `search.workers.tasks` needs and this node lacks.

        Args:
            task: Its name.
            payload: Its arguments.
        """
        if self._depot is None:
            return
        try:
            self._fetch(self._depot, task, payload)
        except NeurosweepError as error:
            _log.warning("not fetched from the driver for the task `%s`: %s", task, error)

    def _fetch(self, depot: RemoteDepot, task: str, payload: Mapping[str, Any]) -> None:
        if task == "extract":
            self._weights(depot, payload["frozen"])
            return
        for recipe in recipes_of(payload):
            if recipe.family == "transfer" and recipe.weights_hash != "":
                self._fetch_for(depot, task, recipe, payload)

    def _fetch_for(
        self, depot: RemoteDepot, task: str, recipe: Recipe, payload: Mapping[str, Any]
    ) -> None:
        """Fetches what a task needs for one of its recipes."""
        wanted = self._wanted(task, recipe, payload)
        whole = [self._features(depot, images, frozen, rows) for images, frozen, rows in wanted]
        if task != "fit" or not all(whole) or payload.get("with_latency", False):
            self._weights(depot, Frozen.of(recipe))

    def _wanted(
        self, task: str, recipe: Recipe, payload: Mapping[str, Any]
    ) -> Iterator[tuple[Images, Frozen, Any]]:
        """The features that a task looks at."""
        if task not in ("fit", "retrain"):
            return
        images = self._images(payload["source"])
        if (fold := payload.get("fold")) is not None:
            source = images.source
            split = scans.fold_split(source.split, fold)
            images = Images.of(replace(source, split=split))
        for frozen, rows in looked_at(recipe, images.rows).items():
            yield images, frozen, rows

    def _images(self, source: scans.Source) -> Images:
        if self._known is None or self._known.source is not source:
            self._known = Images.of(source)
        return self._known

    def _features(self, depot: RemoteDepot, images: Images, frozen: Frozen, rows: Any) -> bool:
        """Fetches missing rows; returns whether the node has all of them now."""
        store = images.store(frozen)
        missing = store.missing(rows)
        there = depot.whole(frozen, missing) if len(missing) else None
        if there is not None and len(there):
            # Not the lock for adding: who computes does not wait for the network.
            with store.fetching(seconds=_LOCK_LIMIT, waiting=self._beat):
                # Another worker of the node may have fetched them meanwhile.
                for piece in shards(store.missing(there), _PIECE_ROWS):
                    self._beat()
                    packed = depot.features(frozen, piece)
                    if packed is None:
                        break
                    self._keep(store, piece, packed)
        return not len(missing) or not len(store.missing(missing))

    def _keep(self, store: FeatureStore, rows: NDArray[np.int64], packed: Packed) -> None:
        """Adds what a child of this node has not computed meanwhile."""
        with store.filling(seconds=_LOCK_LIMIT, waiting=self._beat):
            wanted = np.isin(rows, store.missing(rows))
            store.add(rows[wanted], (packed[0][wanted], packed[1][wanted]))

    def _weights(self, depot: RemoteDepot, frozen: Frozen) -> None:
        backbone, sha256 = frozen.backbone, frozen.weights_hash
        if not are_files(frozen.weights, sha256) or _is_here(frozen):
            return
        size = depot.size(backbone, sha256)
        if size is None:
            return
        path = delivered_file(backbone, sha256)
        with alone_in(path.parent), writing(path):
            if not _is_here(frozen):
                self._receive(depot, frozen, path, size)

    def _receive(self, depot: RemoteDepot, frozen: Frozen, path: Path, size: int) -> None:
        """Writes a file that appears when it is whole."""
        # A name that `neurosweep cache clear` knows, and that the next attempt writes over.
        aside = path.with_name(f"{path.name}.{frozen.weights_hash[:8]}.partial")
        digest = hashlib.sha256()
        try:
            with aside.open("wb") as file:
                while file.tell() < size:
                    self._beat()
                    piece = depot.piece(frozen.backbone, file.tell())
                    if not piece:
                        return
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            _check(digest.hexdigest(), frozen)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def _is_here(frozen: Frozen) -> bool:
    return find_weights(frozen.weights, frozen.backbone, frozen.weights_hash) is not None


def _check(found: str, frozen: Frozen) -> None:
    if found != frozen.weights_hash:
        raise WeightsError(
            f"The weights of {frozen.backbone} must have the SHA-256 {frozen.weights_hash}; what "
            f"came from the driver has {found}. Were they changed while the search runs? Put the "
            "earlier file back."
        )
