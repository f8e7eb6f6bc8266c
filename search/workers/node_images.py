"""Sees to it that a node has the images of a task, decoded, before the task begins.

A node on which the data folder is not there, or holds other files by name and size, gets them from
the driver's machine into its own cache, once, whoever of its workers is first. The decoded cache is
built before the task too, so that a trial's time and limits are its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import scans
from neurosweep.errors import DataError, NeurosweepError, UserError, WorkerLostError
from scans import write_whole
from scans.caches.decoded import free_bytes, lock_of
from scans.caches.fetched import FetchedImages
from search.staging.writing import writing
from search.workers.depot import RemoteDepot
from search.workers.limits import Limits
from search.workers.served_images import Listing
from search.workers.warm_child import WarmChild

__all__ = ["DECODED", "DELIVERED", "NodeImages", "sized"]

DECODED, DELIVERED = "decoded", "delivered"
"""Kinds of notes that a node leaves at the depot, and entries of run.yaml: which caches it built,
and which images it was brought."""

_LOOK_EVERY = 5.0  # seconds between two signs of life while another worker of the node fetches


class NodeImages:
    """Prepares the images of one worker's tasks; does nothing where there is no depot."""

    def __init__(
        self,
        depot: RemoteDepot | None,
        child: WarmChild,
        limits: Limits,
        beat: Callable[[], object] | None = None,
    ) -> None:
        """Prepares nothing yet.

        Args:
            depot: Where images are brought from; None where the driver's folder is this node's.
            child: The worker's, which decodes.
            limits: Of its usual tasks.
            beat: Called now and then meanwhile: a sign of life.
        """
        self._depot = depot
        self._child = child
        self._limits = limits.patient()
        self._beat = beat or (lambda: None)
        self._roots: dict[tuple[Path, str], Path] = {}
        self._decoded: set[tuple[Path, str, int, str]] = set()

    def have(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Brings and decodes what a task looks at; returns its arguments, with the folder here.

        Raises:
            WorkerLostError: The images could not be brought here: no fault of the task, which may
                do better on another node.
            TrialError: The child was lost over decoding them.
        """
        source = payload.get("source")
        if self._depot is None or not isinstance(source, scans.Source):
            return payload
        source = self._at_hand(self._depot, source)
        size = sized(payload)
        if size is not None:
            self._decode(self._depot, source, size)
        return {**payload, "source": source}

    def _at_hand(self, depot: RemoteDepot, source: scans.Source) -> scans.Source:
        """The source with a folder that has its images on this node."""
        key = (source.root, source.fingerprint)
        root = self._roots.get(key)
        if root is None or not root.is_dir():
            root = self._roots[key] = self._root_of(depot, source)
            self._roots[root, source.fingerprint] = root
        return source if root == source.root else replace(source, root=root)

    def _root_of(self, depot: RemoteDepot, source: scans.Source) -> Path:
        try:
            return self._find_or_bring(depot, source)
        except (NeurosweepError, OSError) as error:
            raise WorkerLostError(
                f"workers get images from the driver's machine; they could not be brought to "
                f"{socket.gethostname()}: {error}"
            ) from error

    def _find_or_bring(self, depot: RemoteDepot, source: scans.Source) -> Path:
        listing = depot.listing()
        if listing is None:  # the depot has said why
            if source.root.is_dir():
                return source.root
            raise DataError(f"the driver does not list them, and there is no {source.root} here")
        listing.check(source.split)
        if not listing.lacking(source.root):
            return source.root
        copy = FetchedImages(source.cache, f"driver-{source.fingerprint[:16]}")
        with self._alone(copy):
            lacking = listing.lacking(copy.root)
            if lacking or not copy.is_whole:
                self._bring(depot, listing, lacking, copy)
        return copy.root

    @contextlib.contextmanager
    def _alone(self, copy: FetchedImages) -> Iterator[None]:
        """One worker of a node brings them; the others wait for as long as it takes."""
        with writing(copy.folder, what="images", error=UserError):
            copy.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(lock_of(copy.folder))
            while not lock.is_locked:
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=_LOOK_EVERY)
                self._beat()
        try:
            yield
        finally:
            lock.release()

    def _bring(
        self, depot: RemoteDepot, listing: Listing, lacking: list[int], copy: FetchedImages
    ) -> None:
        began, total = time.monotonic(), sum(listing.sizes[place] for place in lacking)
        if total > (free := free_bytes(copy.folder)):
            raise NeurosweepError(
                f"{copy.folder} needs {total:,} bytes more, but its disk has {free:,} free; make "
                "room there, or set NEUROSWEEP_CACHE on that node to a folder on another disk"
            )
        with writing(copy.folder, what="images", error=UserError):
            copy.begin()
            for places in listing.packs(lacking):
                self._beat()
                contents = depot.pack(places)
                if contents is None:
                    raise DataError("the driver's machine did not give them")
                for place, content in zip(places, contents, strict=True):
                    _check(listing, place, content)
                    write_whole(copy.root / listing.files[place], content)
            copy.complete({"from": "the driver's machine", "files": len(listing.files)})
        seconds = round(time.monotonic() - began, 3)
        depot.note(DELIVERED, {"images": len(lacking), "bytes": total, "seconds": seconds})

    def _decode(self, depot: RemoteDepot, source: scans.Source, size: tuple[int, str]) -> None:
        key = (source.root, source.fingerprint, *size)
        if key in self._decoded:
            return
        self._child.begin("prepare", {"source": source, "sizes": [size]}, limits=self._limits)
        kind, content = self._child.next_message(self._go_on)
        if kind == "done":  # else the task meets the same fault, and tells it as its own
            self._decoded.add(key)
            for built in content or ():
                depot.note(DECODED, built)

    def _go_on(self) -> bool:
        """A sign of life; decoding is never hurried, for whoever comes next needs it too."""
        self._beat()
        return False


def sized(payload: Mapping[str, Any]) -> tuple[int, str] | None:
    """The size in pixels and the colour in which a task looks at images; None where it does not."""
    of = payload.get("recipe") or payload.get("frozen")
    if of is None:
        return None
    return of.task.image_size, "grey" if of.task.channels == 1 else "rgb"


def _check(listing: Listing, place: int, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != listing.hashes[place]:
        raise DataError(
            f"{listing.files[place]} must have the SHA-256 {listing.hashes[place]}; what came from "
            f"the driver has {found}. Was it changed while the search runs? Put it back."
        )
