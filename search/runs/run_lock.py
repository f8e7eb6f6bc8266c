"""One process per run directory."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from filelock import FileLock, Timeout

from neurosweep.errors import RunDirectoryError
from search.files.holder import Holder
from search.files.storage_errors import storage_errors

__all__ = ["RunLock"]

_LOOK = 0.5  # seconds: `neurosweep status` looks at the lock for an instant

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class RunLock:
    """The lock of a run directory, held until it is released or the process ends.

    The system drops it with the process, however that ends, so a stale one cannot stay behind;
    `.holder` beside it only tells others who has it.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the lock.

        Raises:
            RunDirectoryError: if another process has it, which is named, or the folder's file
                system cannot lock.
            NeurosweepError: if the disk is full.
        """
        self._lock = FileLock(folder / ".lock")
        self._note = folder / ".holder"
        with storage_errors(folder / ".lock"):
            self._acquire(folder)
        try:
            with storage_errors(self._note):
                self._note.write_text(Holder.here().to_json() + "\n", encoding="utf-8")
        except BaseException:
            self._lock.release()
            raise

    def _acquire(self, folder: Path) -> None:
        try:
            self._lock.acquire(timeout=_LOOK)
        except Timeout:
            raise RunDirectoryError(
                f"{folder} is held by {self._told()}; wait for it to end, or name another --output"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise RunDirectoryError(
                f"a run directory must be on a file system with locks; that of {folder} has none "
                f"({error.strerror}): name an --output on a local disk, or mount it with locks"
            ) from error

    def _told(self) -> str:
        try:
            holder = Holder.parse(self._note.read_bytes())
        except OSError:
            holder = None
        return "another process" if holder is None else str(holder)

    def release(self) -> None:
        """Lets others have it."""
        with contextlib.suppress(OSError):  # a leftover note says nothing while nobody has the lock
            self._note.unlink(missing_ok=True)
        self._lock.release()
