"""One driver per URI: a lease on the store, renewed while the driver lives.

pyarrow has no conditional write, so a lease is written, and after a while read again: of two who
wrote, both then see the same one. That holds if reading and writing took less than that while,
which is measured, and done again where it was not so. How long a holder has been silent is told by
the store's clock alone, so that machines may disagree about the time.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from neurosweep.errors import LeaseLostError, RunDirectoryError, StoreError
from search.files.holder import Holder
from search.mirror.store import Store

__all__ = ["LEASE", "LEASE_SECONDS", "Lease", "holder_of", "waking_and_sleeping"]

LEASE = "lease.json"
"""The name of the object."""

LEASE_SECONDS = 60.0
"""After so long a silence a holder is taken to be lost, and another may take over."""

_SETTLE_SECONDS = 2.0
_TRIES = 5


def waking_and_sleeping() -> float:
    """Seconds on a clock that goes on while the machine is suspended, where the system has one.

    On Linux the monotonic clock stands still then, while others see this driver silent.
    """
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


@dataclass(frozen=True)
class _Held:
    id: str
    holder: Holder

    @staticmethod
    def parse(content: bytes) -> _Held | None:
        try:
            told = json.loads(content)
            return _Held(str(told["id"]), Holder(**told["holder"]))
        except (ValueError, TypeError, KeyError):
            return None


def holder_of(store: Store) -> str | None:
    """Who has written the lease last, for people; None where nobody has one.

    Raises:
        StoreError: if the store does not answer.
    """
    content = store.get(LEASE)
    held = None if content is None else _Held.parse(content)
    return None if held is None else str(held.holder)


class Lease:
    """This process's lease of a run on a store."""

    def __init__(
        self,
        store: Store,
        *,
        seconds: float = LEASE_SECONDS,
        settle: float = _SETTLE_SECONDS,
        clock: Callable[[], float] = waking_and_sleeping,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepares to take it; `take` does.

        Args:
            store: Where the run is.
            seconds: The silence after which a holder may be replaced.
            settle: Seconds between writing and reading back; reading and writing take less.
            clock: Returns seconds, those of a suspended machine too; only differences are used.
            sleep: Waits so long.
        """
        self.seconds = seconds
        self._store = store
        self._settle = settle
        self._clock = clock
        self._sleep = sleep
        self._id = secrets.token_hex(8)
        self._holder = Holder.here()
        self._renewed = clock()

    @property
    def age(self) -> float:
        """Seconds since the lease was last known to be ours."""
        return self._clock() - self._renewed

    def take(self) -> None:
        """Takes the lease.

        Raises:
            RunDirectoryError: if another driver has it, which is named.
            StoreError: if the store is too slow to be sure.
        """
        for _ in range(_TRIES):
            began = self._clock()
            self._refuse_if_held()
            self._write()
            if self._clock() - began < self._settle:
                break
        else:
            raise StoreError(
                f"{self._store} needs more than {self._settle:g} s to read and write one small "
                "object, too slow to be sure that no other driver has the run; try again"
            )
        self._sleep(self._settle)
        now = self._read()
        if now is None or now.id != self._id:
            raise self._refusal(now, "took it at the same moment")

    def renew(self) -> None:
        """Tells the store that this driver lives.

        Raises:
            LeaseLostError: if the lease is no longer this driver's.
            StoreError: if the store does not answer.
        """
        now = self._read()
        if now is None or now.id != self._id:
            who = "someone who has ended since" if now is None else str(now.holder)
            raise LeaseLostError(
                f"{self._store} was taken over by {who}, as this driver had not been heard of for "
                f"{self.seconds:g} s; it stops here, and the run goes on there"
            )
        self._write()

    def release(self) -> None:
        """Gives the lease up, if it is ours."""
        now = self._read()
        if now is not None and now.id == self._id:
            self._store.delete(LEASE)

    def _read(self) -> _Held | None:
        content = self._store.get(LEASE)
        return None if content is None else _Held.parse(content)

    def _write(self) -> None:
        told = {
            "id": self._id,
            "holder": asdict(self._holder),
            "renewed": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": self.seconds,
        }
        began = self._clock()
        self._store.put(LEASE, (json.dumps(told, indent=2) + "\n").encode())
        self._renewed = began

    def _refuse_if_held(self) -> None:
        held = self._read()
        if held is None or held.id == self._id or held.holder.is_dead:
            return
        silent = self._silence()
        if silent < self.seconds:
            raise self._refusal(
                held,
                f"was last heard of {silent:.0f} s ago; if it has died, this works when it has "
                f"been silent for {self.seconds:g} s",
            )

    def _silence(self) -> float:
        """Seconds since the holder wrote, by the store's own clock."""
        name = f"lease-{self._id}.probe"
        self._store.put(name, b"what time is it?\n")
        here, there = self._store.entry(name), self._store.entry(LEASE)
        self._store.delete(name)
        if here is None or there is None or here.modified is None or there.modified is None:
            return 0.0
        return (here.modified - there.modified).total_seconds()

    def _refusal(self, held: _Held | None, detail: str) -> RunDirectoryError:
        who = "another driver" if held is None else str(held.holder)
        return RunDirectoryError(
            f"{self._store} is held by {who}, which {detail}; wait for it to end, or name "
            "another --output"
        )
