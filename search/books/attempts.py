"""How often trials were begun, what holding their workers came to, and what of it was lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from reports import TrialRecord
from search.budgets.spent import Spent

__all__ = ["ATTEMPTS", "Attempts", "with_spent"]

ATTEMPTS = 3
"""How often a trial is begun that loses its worker: no fault of its own, but not for ever."""


class Attempts:
    """The attempts of each trial in this sitting; one that loses its worker was one of them."""

    def __init__(self) -> None:
        """Begins with none."""
        self._spent: defaultdict[str, Spent] = defaultdict(Spent)
        self._last: dict[str, Spent] = {}
        self._losses: Counter[str] = Counter()
        self._lost: defaultdict[str, float] = defaultdict(float)  # seconds

    def end(self, trial_id: str, spent: Spent) -> None:
        """Notes what an attempt's worker came to."""
        self._last[trial_id] = spent
        self._spent[trial_id] += spent

    def lose(self, trial_id: str) -> int:
        """The attempt that ended last lost its worker; how many of the trial's did so by now."""
        self._losses[trial_id] += 1
        self._lost[trial_id] += self._last.get(trial_id, Spent()).seconds
        return self._losses[trial_id]

    def add_to(self, record: TrialRecord) -> TrialRecord:
        """The record with what this sitting held workers for; as it is if it held none."""
        name = record.trial_id
        if name in self._losses:
            lost = round(self._lost[name], 3)
            record = replace(record, lost_workers=self._losses[name], lost_seconds=lost)
        return record if name not in self._spent else with_spent(record, self._spent[name])


def with_spent(record: TrialRecord, spent: Spent) -> TrialRecord:
    """The record with what holding its workers came to."""
    cost = spent.whole_cost
    return replace(
        record,
        held_seconds=round(spent.seconds, 3),
        gpu_hours=round(spent.gpu_seconds / 3600, 6),
        cost=None if cost is None else round(cost, 6),
    )
