"""What a driver's machine has and others need: features of backbones, and their weight files.

Both are on the driver's disk alone where a cluster shares none. They are served by an actor beside
the driver, in pieces, to nodes that keep them; nothing that it is asked for names a path.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
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
    """Serves rows of features that are whole, and weight files by what they are."""

    def __init__(self, source: scans.Source, weights: Path) -> None:
        """Serves from the driver's cache and its folder of weights.

        Args:
            source: The driver's.
            weights: The folder of weight files on the driver's machine.
        """
        self._images = Images.of(source)
        self._weights = weights

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
def depot(source: scans.Source, weights: str) -> Iterator[RemoteDepot]:
    """A depot for the length of the block; Ray is connected.

    Args:
        source: The driver's.
        weights: "imagenet", "random", a folder or a URI, as the user named them.
    """
    # Beside the driver, for that is where the files are.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    # The folder is found here: another process may have another environment.
    folder = weights_folder(resolve_weights(weights)).absolute()
    options = {"num_cpus": 0, "max_concurrency": _AT_ONCE, "scheduling_strategy": here}
    actor = ray.remote(**options)(Depot).remote(source, folder)
    try:
        yield RemoteDepot(actor)
    finally:
        ray.kill(actor)
