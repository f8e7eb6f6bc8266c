"""Which trials ran side by side: a lane for each worker, or trials packed into lanes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from reports.records import TrialRecord, parse_time

__all__ = ["Lane", "lanes_of"]


@dataclass(frozen=True)
class Lane:
    """One lane.

    Attributes:
        name: A number from 1.
        trials: In the order in which they began.
        worker: Host and process of the worker that had them; None where records do not say.
    """

    name: str
    trials: tuple[TrialRecord, ...]
    worker: str | None = None


def lanes_of(records: Sequence[TrialRecord]) -> list[Lane]:
    """Sort trials into lanes: first one for each worker, by when it began its first trial.

    Trials of which no worker is known, as those of fine-tuning, stand in further lanes: as few as
    were ever busy at once, each trial in the first that is free when it begins.
    """
    ordered = sorted(records, key=lambda one: (parse_time(one.started_at), one.trial_id))
    by_worker: dict[str, list[TrialRecord]] = {}
    for record in ordered:
        if record.worker is not None:
            by_worker.setdefault(record.worker, []).append(record)
    packed = _packed(record for record in ordered if record.worker is None)
    lanes: list[tuple[str | None, list[TrialRecord]]] = [
        *by_worker.items(),
        *((None, own) for own in packed),
    ]
    return [
        Lane(str(number), tuple(own), worker) for number, (worker, own) in enumerate(lanes, start=1)
    ]


def _packed(ordered: Iterable[TrialRecord]) -> list[list[TrialRecord]]:
    free: list[int] = []
    busy: list[tuple[datetime, int]] = []
    packed: list[list[TrialRecord]] = []
    for record in ordered:
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
    return packed
