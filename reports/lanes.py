"""Which trials ran side by side: trials packed into lanes, none over another in its lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from reports.records import TrialRecord, parse_time

__all__ = ["Lane", "lanes_of"]


@dataclass(frozen=True)
class Lane:
    """One lane.

    Attributes:
        name: Of the worker, where records say which one trained a trial; else a number from 1.
        trials: In the order in which they began.
    """

    name: str
    trials: tuple[TrialRecord, ...]


def lanes_of(records: Sequence[TrialRecord]) -> list[Lane]:
    """Pack trials into as few lanes as were ever busy at once.

    Records do not say which worker trained a trial. The number of lanes is the number of workers
    that were busy at the same time at most; which of them a trial had is not known, and each is put
    into the first lane that is free when it begins.
    """
    free: list[int] = []
    busy: list[tuple[datetime, int]] = []
    packed: list[list[TrialRecord]] = []
    for record in sorted(records, key=lambda one: (parse_time(one.started_at), one.trial_id)):
        began = parse_time(record.started_at)
        while busy and busy[0][0] <= began:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane = len(packed)
            packed.append([])
        packed[lane].append(record)
        heappush(busy, (max(began, parse_time(record.finished_at)), lane))
    return [Lane(str(number), tuple(own)) for number, own in enumerate(packed, start=1)]
