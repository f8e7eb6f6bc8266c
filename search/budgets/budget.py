"""What a run may spend, and what is left: trials, time, hours of workers and of GPUs, and money.

Each budget covers the whole run. A share of it is kept back for the stages after the search, so
that a winner is still fine-tuned, tested and reported inside the budget. Where finalists are
trained anew, with further seeds or over folds, that has a share of its own, which grows with the
number of these trainings.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from search.budgets.held_time import HeldTime, Size
from search.budgets.prices import PricedNode, Prices
from search.budgets.spent import Spent

__all__ = ["Amount", "Budget", "Limit"]

_RESERVED_SHARE = 0.12
"""Share of a budget kept for fine-tuning (two thirds of it), evaluation and reports."""

_LEAST_RESERVE = 20.0  # seconds: loading TensorFlow, one evaluation and the report

_SHARE_PER_RETRAINING = 0.05
"""Share of a budget kept for each fold and each further seed: each costs one training of every
finalist, so the share grows with them. Ours; five folds get a quarter."""

_LARGEST_RETRAINING_SHARE = 0.4  # a search that is left with less has no finalists worth it


Unit = Literal["trials", "seconds", "hours", "cost"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One budget as it stands now.

    Attributes:
        name: `time`, `worker_hours`, `gpu_hours` or `cost`.
        total: What there is in all: seconds, or what `unit` says of a cost.
        used: What was used so far.
        rate: How much of it a second of wall-clock time uses up.
        unit: What it is told in.
        each: What one second of one worker uses up.
    """

    name: str
    total: float
    used: float
    rate: float
    unit: Unit = "seconds"
    each: float = 1.0

    def seconds_left(self, kept: float) -> float:
        """Wall-clock seconds until only `kept` of it is left, at least 0."""
        left = max(0.0, self.total - kept - self.used)
        return math.inf if left > 0 and self.rate == 0 else left / (self.rate or 1.0)

    @property
    def final_reserve(self) -> float:
        """What fine-tuning (two thirds of it), evaluation and reports have."""
        return min(self.total / 2, max(_LEAST_RESERVE * self.each, _RESERVED_SHARE * self.total))

    def retraining_reserve(self, times: int) -> float:
        """What training each finalist so many times has: never more than is left to the search."""
        share = min(_LARGEST_RETRAINING_SHARE, _SHARE_PER_RETRAINING * times)
        return min(share * self.total, (self.total - self.final_reserve) / 2)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much of one limit is used.

    Attributes:
        unit: What it is counted in.
        asked: The limit.
        used: What was spent so far.
        reserved: What of the rest is kept back for the stages after the search.
        currency: What a cost is in; empty where it was not said.
    """

    unit: Unit
    asked: float
    used: float
    reserved: float = 0.0
    currency: str = ""

    @property
    def left(self) -> float:
        """What the search may still spend, at least 0."""
        return max(0.0, self.asked - self.used - self.reserved)


class Budget:
    """Counts down from the moment it is made; the clock is passed in.

    Attributes:
        trials: Trials with a final state to reach, or None for no limit.
        seconds: Wall-clock time for the whole run, or None for no limit.
        held: The time that workers are held; whoever holds one says so here.
        prices: What nodes cost; None where that is not known.
    """

    def __init__(
        self,
        *,
        trials: int | None,
        seconds: float | None,
        worker_hours: float | None = None,
        gpu_hours: float | None = None,
        max_cost: float | None = None,
        prices: Prices | None = None,
        folds: int | None = None,
        repeats: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the count.

        Args:
            trials: Trials with a final state to reach, or None for no limit.
            seconds: Wall-clock time for the whole run, or None for no limit.
            worker_hours: Hours that workers may be held, or None for no limit.
            gpu_hours: The same for the GPUs that they have, or None for no limit.
            max_cost: What holding them may cost, or None for no limit; only with prices.
            prices: What nodes cost; None where that is not known.
            folds: Folds of the cross-validation after the search; None for none.
            repeats: Seeds that each finalist is trained with in all, at least 1.
            clock: Returns seconds; only differences are used.
        """
        self.trials = trials
        self.seconds = seconds
        self.held = HeldTime(clock)
        self.prices = prices
        self._worker_hours = worker_hours
        self._gpu_hours = gpu_hours
        self._max_cost = max_cost
        self._without_price: set[str | None] = set()
        self._folds = folds or 0
        self._retrainings = self._folds + repeats - 1  # of each finalist
        self._stopped = False
        self._clock = clock
        self._start = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._start

    @property
    def stopped(self) -> bool:
        """Whether somebody asked the search to end before its budget does."""
        return self._stopped

    @property
    def reserve(self) -> float:
        """Seconds kept back for the stages after the search; 0 without a time budget."""
        return 0.0 if self.seconds is None else self._kept_for_finals(self._time(self.seconds))

    @property
    def limits_cost(self) -> bool:
        """Whether there is a limit on the cost."""
        return self._max_cost is not None

    def workers_have(self, gpus: float, cpus: float = 1.0) -> None:
        """Says what each worker holds of which nothing else is said, as soon as that is known."""
        self.held.each = Size(cpus=cpus, gpus=gpus)

    def place(self, name: str, find: Callable[[], PricedNode | None]) -> str | None:
        """Says that a worker has its place; from then on it counts, at what it costs there.

        Args:
            name: What it is held for.
            find: Finds its node; called only where nodes have prices.

        Returns:
            What has to be told of a type of nodes that has no price, the first time one is met.
        """
        size = self.held.size_of(name)
        node = None if self.prices is None or size is None else find()
        if self.prices is None or size is None or node is None:  # without a node it is lost already
            self.held.place(name, None)
            return None
        rate = self.prices.rate(node, cpus=size.cpus, gpus=size.gpus)
        self.held.place(name, rate)
        return self._note_unpriced(node.type) if rate is None else None

    def _note_unpriced(self, node_type: str | None) -> str | None:
        if node_type in self._without_price:
            return None
        self._without_price.add(node_type)
        which = "nodes without a type" if node_type is None else f"nodes of type {node_type}"
        counted = "; against search.max_cost they count as the dearest that has one"
        return (
            f"{which} have no price in resources.price_per_hour: their hours are counted, their "
            f"cost is not known{counted if self.limits_cost else ''}"
        )

    def stop(self) -> None:
        """Ends the search as if its budget were used up; the stages after it have theirs."""
        self._stopped = True

    def limits(self) -> Iterator[Limit]:
        """Every budget but that of trials, as it stands now."""
        if self.seconds is not None:
            yield self._time(self.seconds)
        spent, rate = self.held.total, self._per_second()
        if self._worker_hours is not None:
            yield _hours("worker_hours", self._worker_hours, spent.seconds, rate.seconds)
        if self._gpu_hours is not None and self.held.each.gpus > 0:
            yield _hours("gpu_hours", self._gpu_hours, spent.gpu_seconds, rate.gpu_seconds)
        if self._max_cost is not None and self.prices is not None:
            yield _cost(self._max_cost, spent, rate, self.prices.highest / 3600)

    def _time(self, seconds: float) -> Limit:
        return Limit(name="time", total=seconds, used=self.elapsed, rate=1.0)

    def _per_second(self) -> Spent:
        """What the workers held now use up; where there is none, what one will."""
        highest = 0.0 if self.prices is None else self.prices.highest / 3600
        now = self.held.per_second(highest)
        return now if now.seconds else Spent.at(highest, 1.0, self.held.each.gpus)

    def search_seconds_left(self) -> float | None:
        """Seconds until the search stage must end, at least 0; None without such a budget."""
        return 0.0 if self._stopped else self._left(self._kept_for_finals)

    def search_seconds_to_last(self) -> float | None:
        """Seconds until trials are broken off in mid-epoch, at least 0; None without such a budget.

        An epoch that is longer than its trial's last ones, or a first one, may take a third of what
        is kept for the stages after the search; not more.
        """
        return self._left(lambda one: one.final_reserve * 2 / 3 + self._kept_for_retraining(one))

    def fine_tune_seconds_left(self) -> float | None:
        """Seconds until fine-tuning must end, at least 0; None without such a budget."""
        return self._left(lambda one: one.final_reserve / 3 + self._kept_for_retraining(one))

    def repeat_seconds_left(self) -> float | None:
        """Seconds until further seeds must end, at least 0; None without such a budget."""
        of_folds = self._folds / max(1, self._retrainings)
        return self._left(
            lambda one: one.final_reserve / 3 + of_folds * self._kept_for_retraining(one)
        )

    def cross_validate_seconds_left(self) -> float | None:
        """Seconds until cross-validation must end, at least 0; None without such a budget."""
        return self._left(lambda one: one.final_reserve / 3)

    def trials_left(self, started: int) -> int | None:
        """Trials that may still be started when `started` have been; None without a limit."""
        return None if self.trials is None else max(0, self.trials - started)

    def allows_another_trial(self, started: int, *, needs: float = 0.0) -> bool:
        """Whether one more trial may start.

        Args:
            started: Trials that were started already.
            needs: Seconds without which it would come to nothing.
        """
        seconds = self.search_seconds_left()
        return self.trials_left(started) != 0 and (seconds is None or seconds > needs)

    def amounts(self, ended: int) -> dict[str, Amount]:
        """Returns each limit that is set by its name, with what `ended` trials have used of it."""
        amounts: dict[str, Amount] = {}
        if self.trials is not None:
            amounts["trials"] = Amount(unit="trials", asked=self.trials, used=ended)
        for limit in self.limits():
            per = 3600.0 if limit.unit == "hours" else 1.0
            amounts[limit.name] = Amount(
                unit=limit.unit,
                asked=limit.total / per,
                used=limit.used / per,
                reserved=self._kept_for_finals(limit) / per,
                currency=self.prices.currency if limit.unit == "cost" and self.prices else "",
            )
        return amounts

    def _left(self, kept: Callable[[Limit], float]) -> float | None:
        """Seconds until the first budget is down to what it keeps for later stages."""
        left = min((one.seconds_left(kept(one)) for one in self.limits()), default=math.inf)
        return None if math.isinf(left) else left

    def _kept_for_finals(self, limit: Limit) -> float:
        return limit.final_reserve + self._kept_for_retraining(limit)

    def _kept_for_retraining(self, limit: Limit) -> float:
        """What further seeds and folds of all finalists have."""
        return limit.retraining_reserve(self._retrainings)


def _hours(name: str, hours: float, used: float, rate: float) -> Limit:
    return Limit(name=name, total=3600 * hours, used=used, rate=rate, unit="hours")


def _cost(most: float, spent: Spent, rate: Spent, highest: float) -> Limit:
    """What has no price counts as the dearest node: a bound must hold."""
    used = spent.cost + highest * spent.unpriced
    return Limit(name="cost", total=most, used=used, rate=rate.cost, unit="cost", each=highest)
