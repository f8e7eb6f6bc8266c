"""How long workers have been held, and what for: what a cluster is paid for.

A worker that waits for a place costs nothing: nobody pays for a node that has not come.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from search.budgets.spent import Spent

__all__ = ["HeldTime", "Size"]


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a worker has of its node.

    Attributes:
        cpus: CPUs.
        gpus: GPUs; below 1 a share of one.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @classmethod
    def of(cls, resources: Mapping[str, float]) -> Size:
        """From what a worker gets, as Ray names it."""
        return cls(cpus=resources["CPU"], gpus=resources["GPU"])


@dataclass
class _Hold:
    """A worker: what for, since when it is where it is at which rate, and what was spent before.

    `since` is None while it has no place.
    """

    stage: str
    size: Size
    since: float | None = None
    before: Spent = field(default_factory=Spent)
    rate: float | None = None

    def spent(self, now: float) -> Spent:
        if self.since is None:
            return self.before
        return self.before + Spent.at(self.rate, now - self.since, self.size.gpus)

    def per_second(self, otherwise: float) -> Spent:
        return Spent.at(otherwise if self.rate is None else self.rate, 1.0, self.size.gpus)


class HeldTime:
    """Adds up the seconds that workers are held, and their cost; several may be held at once.

    Told by the driver's threads, and asked by those that show how the search stands.

    Attributes:
        each: What a worker has of which nothing else is said.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begins with nothing held.

        Args:
            clock: Returns seconds; only differences are used.
        """
        self.each = Size()
        self._clock = clock
        self._ended: defaultdict[str, Spent] = defaultdict(Spent)
        self._holds: dict[str, _Hold] = {}
        self._lock = threading.Lock()

    @property
    def holders(self) -> int:
        """Workers held now that have a place."""
        with self._lock:
            return sum(hold.since is not None for hold in self._holds.values())

    @property
    def seconds(self) -> float:
        """Seconds of all workers together, those held now included."""
        return self.total.seconds

    @property
    def total(self) -> Spent:
        """What all workers came to, those held now included."""
        return sum(self.by_stage().values(), Spent())

    def by_stage(self) -> dict[str, Spent]:
        """What workers came to by what they were held for, those held now included."""
        with self._lock:
            now, spent = self._clock(), defaultdict(Spent, self._ended)
            for hold in self._holds.values():
                spent[hold.stage] += hold.spent(now)
            return dict(spent)

    def per_second(self, otherwise: float) -> Spent:
        """What the workers held now come to by the second together.

        As long as none of them has a place, what they will come to once they have: a stage reckons
        its time before its first worker has come.

        Args:
            otherwise: What one costs that has no price, or no place yet.
        """
        with self._lock:
            holds = list(self._holds.values())
        placed = [hold for hold in holds if hold.since is not None]
        return sum((hold.per_second(otherwise) for hold in placed or holds), Spent())

    def take_over(self, stage: str, spent: Spent) -> None:
        """Adds what earlier sittings of the run held workers for."""
        with self._lock:
            self._ended[stage] += spent

    def hold(self, name: str, stage: str = "search", size: Size | None = None) -> None:
        """A worker is asked for, and held from its first place on; a second time changes nothing.

        Args:
            name: What it is held for.
            stage: The stage that this is part of.
            size: What it has of its node; None for what each has.
        """
        with self._lock:
            self._holds.setdefault(name, _Hold(stage, size or self.each))

    def size_of(self, name: str) -> Size | None:
        """What a worker has of its node that is held now; None if it is not."""
        with self._lock:
            hold = self._holds.get(name)
            return None if hold is None else hold.size

    def place(self, name: str, rate: float | None) -> None:
        """A held worker has its place, and counts from now on at what it costs there.

        Args:
            name: What it is held for; one that is not held is let be.
            rate: What it costs there by the second; None where that is not known.
        """
        with self._lock:
            hold = self._holds.get(name)
            if hold is None:
                return
            now = self._clock()
            hold.before, hold.since, hold.rate = hold.spent(now), now, rate

    def lose(self, name: str) -> None:
        """A held worker was lost and is replaced; nothing counts until another has its place."""
        with self._lock:
            if (hold := self._holds.get(name)) is not None:
                hold.before = hold.spent(self._clock()) + Spent(lost=1)
                hold.since = None

    def of(self, name: str) -> Spent | None:
        """What a worker came to that is held now; None if it is not."""
        with self._lock:
            hold = self._holds.get(name)
            return None if hold is None else hold.spent(self._clock())

    def release(self, name: str) -> Spent:
        """Lets a worker go; returns what it came to, nothing if it was not held."""
        with self._lock:
            hold = self._holds.pop(name, None)
            if hold is None:
                return Spent()
            spent = hold.spent(self._clock())
            self._ended[hold.stage] += spent
            return spent

    @contextlib.contextmanager
    def holding(self, name: str, stage: str, size: Size | None = None) -> Iterator[None]:
        """Holds a worker for the length of the block; `hold` says what it is told."""
        self.hold(name, stage, size)
        try:
            yield
        finally:
            self.release(name)
