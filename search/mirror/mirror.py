"""Keeps a run's copy on an object store: each trial before it counts, the rest at intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from neurosweep.errors import LeaseLostError, NeurosweepError
from search.mirror.lease import LEASE, Lease
from search.mirror.repeater import Repeater
from search.mirror.store import Store

__all__ = ["RECORD", "Mirror"]

RECORD = "record.json"
"""Put last of a trial's files: where it is, the others are."""

_INFO = "run.yaml"
_SYNC_SECONDS = 30.0
_SYNC_REST = 20.0  # a long journal over a slow line takes at most a twentieth of the time
_RENEWALS = 4  # within the time after which a lease ends
_AT_ONCE = 8

_NOT_BY_NAME = (_INFO, LEASE, "trials", "stop")
"""What stands below the run directory and is put otherwise, or, as a word to this driver, never."""

_Stamp = tuple[int, int]


class Mirror:
    """The copy of one run directory below a URI, which this process holds by a lease.

    Calls come from the driver's one thread. A thread renews the lease, another puts what has
    changed every half minute.
    """

    def __init__(
        self, store: Store, folder: Path, lease: Lease, *, every: float = _SYNC_SECONDS
    ) -> None:
        """Begins to renew the lease and to mirror.

        Args:
            store: Where the copy is.
            folder: The run directory.
            lease: Taken.
            every: Seconds between two looks at what has changed.
        """
        self._store = store
        self._folder = folder
        self._lease = lease
        self._put: dict[str, _Stamp] = {}
        self._busy = threading.Lock()
        self._failure: NeurosweepError | None = None
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mirror-put")
        self._renewing = Repeater("mirror-lease", lease.seconds / _RENEWALS, self._renew)
        self._syncing = Repeater("mirror-sync", every, self._sync_quietly, rest=_SYNC_REST)

    def known(self, names: Iterable[str]) -> None:
        """Takes files for put that are on the store as they are here."""
        for name in names:
            if (stamp := self._stamp(name)) is not None:
                self._put[name] = stamp

    def check(self) -> None:
        """Makes sure that the run is still this driver's, and the store was there.

        Raises:
            LeaseLostError: if another driver has taken the run over.
            StoreError: if the store has not answered for longer than a short outage.
        """
        if self._failure is None and self._lease.age > self._lease.seconds:
            self._strictly(self._lease.renew)  # this machine slept: another may have the run
        if self._failure is not None:
            raise self._failure

    def put_trial(self, trial_id: str) -> None:
        """Puts the files of a trial that ended, its record last; then it may count.

        Raises:
            StoreError: if they could not be put.
        """
        self.check()
        record = f"trials/{trial_id}/{RECORD}"
        names = [name for name in self._of_trial(trial_id) if name != record]
        self._strictly(lambda: self._put_all([*names]))
        self._strictly(lambda: self._put_one(record))

    def sync(self) -> None:
        """Puts and deletes whatever has changed, run.yaml last.

        Raises:
            StoreError: if it could not be put.
        """
        self.check()
        self._strictly(lambda: self._sync(everything=True))

    def close(self) -> None:
        """Puts what has changed, ends the threads and gives the run free for others.

        Raises:
            StoreError: if something could not be put; not again if it was raised before.
        """
        self._renewing.close()
        self._syncing.close()
        try:
            if self._failure is None:
                self.sync()
                self._strictly(self._lease.release)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _strictly(self, action: Callable[[], object]) -> None:
        """Does it; what went wrong is remembered, so that nothing tries again for minutes."""
        try:
            action()
        except NeurosweepError as error:
            self._failure = error
            raise

    def _renew(self) -> None:
        try:
            self._lease.renew()
        except NeurosweepError as error:
            late = self._lease.age > self._lease.seconds
            if late or isinstance(error, LeaseLostError):
                self._failure = error

    def _sync_quietly(self) -> None:
        """What an interval could not put, the next one does, or the driver's own calls tell of."""
        try:
            if self._failure is None:
                self._sync(everything=False)
        except (NeurosweepError, OSError):  # a folder may be renamed while it is listed
            return

    def _sync(self, *, everything: bool) -> None:
        with self._busy:
            # Read first and put last: it must not tell of a file that is not there yet.
            info, stamp = self._read(_INFO), self._stamp(_INFO)
            names = [name for name in self._names(everything=everything) if self._changed(name)]
            self._put_all(names)
            if everything:
                self._delete_gone()
            if info is not None and stamp is not None and self._put.get(_INFO) != stamp:
                self._store.put(_INFO, info)
                self._put[_INFO] = stamp

    def _put_all(self, names: list[str]) -> None:
        for _ in self._pool.map(self._put_one, names):
            pass

    def _put_one(self, name: str) -> None:
        stamp, content = self._stamp(name), self._read(name)
        if stamp is not None and content is not None:
            self._store.put(name, content)
            self._put[name] = stamp

    def _delete_gone(self) -> None:
        for name in [name for name in self._put if not (self._folder / name).exists()]:
            self._store.delete(name)
            del self._put[name]

    def _names(self, *, everything: bool) -> Iterator[str]:
        for path in sorted(self._folder.iterdir()):
            if path.name in _NOT_BY_NAME or not _is_ours(path):
                continue
            if path.is_dir():
                files = (below for below in path.rglob("*") if below.is_file() and _is_ours(below))
                yield from (str(below.relative_to(self._folder)) for below in files)
            else:
                yield path.name
        if everything:
            for trial in sorted((self._folder / "trials").iterdir()):
                if (trial / RECORD).exists():  # one that runs has nothing to keep yet
                    yield from self._of_trial(trial.name)

    def _of_trial(self, trial_id: str) -> list[str]:
        folder = self._folder / "trials" / trial_id
        paths = (path for path in folder.iterdir() if path.is_file() and _is_ours(path))
        return sorted(f"trials/{trial_id}/{path.name}" for path in paths)

    def _changed(self, name: str) -> bool:
        return self._stamp(name) != self._put.get(name)

    def _stamp(self, name: str) -> _Stamp | None:
        try:
            found = (self._folder / name).stat()
        except FileNotFoundError:
            return None
        return found.st_size, found.st_mtime_ns

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None


_NEVER = ("state.npz",)  # large, and written about once a minute for each running trial


def _is_ours(path: Path) -> bool:
    """Whether it is part of the run: not hidden, half written, or a running trial's state."""
    return not (
        path.name.startswith(".")
        or path.name in _NEVER
        or path.name.endswith((".partial", ".lock"))
    )
