"""What a driver's machine has and others need: images, features of backbones, and weight files.

They are on the driver's disk alone where a cluster shares none. They are served by an actor beside
the driver, in pieces, to nodes that keep them; nothing that it is asked for names a path. Nodes
leave notes there of what they were brought and built, which the driver writes into run.yaml.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import scans
from search.screening.images import Images
from search.staging.fetching import resolve_weights
from search.workers.served_images import Listing, ServedImages
from search.workers.this_node import whereabouts
from spaces import BACKBONES
from trainables.backbone_weights import weights_folder
from trainables.features.frozen import Frozen
from trainables.features.store import Packed
from trainables.weights.digests import sha256_of

__all__ = ["PIECE_BYTES", "Depot", "RemoteDepot", "depot"]

PIECE_BYTES = 8 * 2**20
"""Bytes of a weight file in one message: the largest file has 230 MB, and other nodes wait."""

_ANSWER_LIMIT = 60.0  # seconds to wait for an answer; many nodes may ask at once
_AT_ONCE = 4  # questions answered side by side: all of them only read
_log = logging.getLogger(__name__)


class Depot:
    """Serves images, rows of features that are whole, and weight files by what they are."""

    def __init__(self, source: scans.Source, weights: Path, manifest: Path | None = None) -> None:
        """Serves from the driver's data folder, its cache and its folder of weights.

        Args:
            source: The driver's.
            weights: The folder of weight files on the driver's machine.
            manifest: The run's `manifest.parquet`; None to serve no images.
        """
        self._images = Images.of(source)
        self._weights = weights
        self._served = None if manifest is None else ServedImages(source.root, manifest)
        self._notes: list[tuple[str, dict[str, Any]]] = []

    def listing(self) -> Listing | None:
        """The image files; None where none are served.

        Raises:
            DataError: One of them is gone.
        """
        return None if self._served is None else self._served.listing()

    def pack(self, places: Sequence[int]) -> list[bytes] | None:
        """The contents of the image files at these places of the listing.

        Raises:
            DataError: One of them cannot be read.
        """
        return None if self._served is None else self._served.pack(places)

    def note(self, kind: str, entry: dict[str, Any]) -> None:
        """Keeps what a node told of itself until the driver takes it."""
        self._notes.append((kind, entry))

    def take_notes(self) -> list[tuple[str, dict[str, Any]]]:
        """What was noted since this was called last."""
        notes, self._notes = self._notes, []
        return notes

    def whole(self, frozen: Frozen, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `rows` whose features are here, (n,)."""
        return np.setdiff1d(rows, self._images.store(frozen).missing(rows))

    def features(self, frozen: Frozen, rows: NDArray[np.int64]) -> Packed:
        """Features of rows as they are kept, (n, 2, c) with an exponent for each row.

        Raises:
            NeurosweepError: One of them is not here.
        """
        return self._images.store(frozen).packed(rows)

    def size(self, backbone: str, sha256: str) -> int | None:
        """Bytes of a backbone's weight file; None if the one here is another, or there is none."""
        file = self._file(backbone)
        if not file.is_file() or sha256_of(file) != sha256:
            return None
        return file.stat().st_size

    def piece(self, backbone: str, start: int) -> bytes:
        """At most `PIECE_BYTES` of a weight file from a place on; whoever joins them checks them.

        Raises:
            OSError: It cannot be read.
        """
        with self._file(backbone).open("rb") as file:
            file.seek(start)
            return file.read(PIECE_BYTES)

    def _file(self, backbone: str) -> Path:
        return self._weights / BACKBONES[backbone].weights_file


class RemoteDepot:
    """The depot as workers see it: every answer is None where it does not answer."""

    def __init__(self, actor: Any, *, seconds: float = _ANSWER_LIMIT) -> None:
        """Wraps the actor's handle, which can be sent to workers.

        Args:
            actor: The handle.
            seconds: The longest wait for an answer.
        """
        self._actor = actor
        self._seconds = seconds
        self._told: set[tuple[str, str]] = set()

    def listing(self) -> Listing | None:
        """The image files of the driver's data folder; None where it serves none, too."""
        found: Listing | None = self._ask("listing")
        return found

    def pack(self, places: Sequence[int]) -> list[bytes] | None:
        """The contents of the image files at these places of the listing."""
        found: list[bytes] | None = self._ask("pack", places)
        return found

    def note(self, kind: str, entry: Mapping[str, Any]) -> None:
        """Tells the driver what this node was brought, or built; waits for nothing."""
        self._actor.note.remote(kind, {**whereabouts(), **entry})

    def take_notes(self) -> list[tuple[str, dict[str, Any]]]:
        """What nodes have told since this was called last."""
        found: list[tuple[str, dict[str, Any]]] | None = self._ask("take_notes")
        return found or []

    def whole(self, frozen: Frozen, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Those of `rows` whose features the driver has, (n,)."""
        found: NDArray[np.int64] | None = self._ask("whole", frozen, rows)
        return found

    def features(self, frozen: Frozen, rows: NDArray[np.int64]) -> Packed | None:
        """Features of rows as they are kept."""
        found: Packed | None = self._ask("features", frozen, rows)
        return found

    def size(self, backbone: str, sha256: str) -> int | None:
        """Bytes of a backbone's weight file, if the driver has that one."""
        found: int | None = self._ask("size", backbone, sha256)
        return found

    def piece(self, backbone: str, start: int) -> bytes | None:
        """A piece of a weight file."""
        found: bytes | None = self._ask("piece", backbone, start)
        return found

    def _ask(self, method: str, *arguments: object) -> Any:
        try:
            return ray.get(getattr(self._actor, method).remote(*arguments), timeout=self._seconds)
        except RayError as error:  # it failed at it, or is gone: the worker goes on without
            self._warn(method, error)
            return None

    def _warn(self, method: str, error: RayError) -> None:
        """Says what failed, once for each kind: a lost driver's machine fails every question."""
        cause = error.cause if isinstance(error, RayTaskError) else error
        kind = type(cause).__name__
        if (method, kind) in self._told:
            return
        self._told.add((method, kind))
        reason = next(iter(str(cause).splitlines()), "")
        _log.warning(
            "%s got no answer from the driver's machine to `%s` (%s: %s) and goes on without it.",
            socket.gethostname(),
            method,
            kind,
            reason,
        )


@contextlib.contextmanager
def depot(
    source: scans.Source, weights: str, manifest: Path | None = None
) -> Iterator[RemoteDepot]:
    """A depot for the length of the block; Ray is connected.

    Args:
        source: The driver's.
        weights: "imagenet", "random", a folder or a URI, as the user named them.
        manifest: The run's `manifest.parquet`; None to serve no images.
    """
    # Beside the driver, for that is where the files are.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    # The folder is found here: another process may have another environment.
    folder = weights_folder(resolve_weights(weights)).absolute()
    options = {"num_cpus": 0, "max_concurrency": _AT_ONCE, "scheduling_strategy": here}
    actor = ray.remote(**options)(Depot).remote(source, folder, manifest)
    try:
        yield RemoteDepot(actor)
    finally:
        ray.kill(actor)
