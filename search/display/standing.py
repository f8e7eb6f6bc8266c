"""How a search stands at one moment: frozen, told alike by terminal, `status.json` and `status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reports import Status, TrialRecord
from reports.wording import printable
from search.budgets.budget import Amount

__all__ = ["STATUS_FILE", "EndedTrial", "RunningTrial", "Standing", "model_name"]

STATUS_FILE = "status.json"
"""The file of the run directory into which the driver writes how its search stands."""


@dataclass(frozen=True, kw_only=True)
class RunningTrial:
    """A trial that was handed out and has not ended.

    Attributes:
        trial_id: The trial.
        model: Its family, and backbone where it has one.
        note: What is known of its configuration, such as the paper it is from.
        epoch: The last epoch it finished; 0 before the first.
        allowed: The most epochs it may have; None before the first.
        val_accuracy: Its best so far.
        where: The node and process that train it, where that is known.
        attempt: 1, or more where earlier attempts were lost.
        seconds: Since it was handed out.
    """

    trial_id: str
    model: str
    note: str = ""
    epoch: int = 0
    allowed: int | None = None
    val_accuracy: float | None = None
    where: str | None = None
    attempt: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """A trial that ended, in the words of a table.

    Attributes:
        reason: Why it ended: for a failed trial its error, for another the reason in words.
    """

    trial_id: str
    model: str
    status: Status
    reason: str
    val_accuracy: float | None
    epochs: int
    seconds: float

    @classmethod
    def of(cls, record: TrialRecord) -> EndedTrial:
        """Takes from a record what a table shows."""
        return cls(
            trial_id=record.trial_id,
            model=model_name(record.family, record.backbone),
            status=record.status,
            reason=printable(record.error or record.stop_detail or record.stop_reason or ""),
            val_accuracy=record.val_accuracy,
            epochs=record.epochs,
            seconds=record.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a search stands.

    Attributes:
        stage: The stage that runs, with its detail; empty before the first.
        elapsed: Seconds since this sitting began.
        counts: Ended trials of the search by status, earlier sittings included.
        running: In the order in which they were handed out.
        ended: The last few that ended, the newest last.
        best: The completed trial that comes first in rank.
        reasons: By status, how many trials ended for which named reason.
        budget: Each limit that is set.
        writer: The process number of the driver that this is told by; None where none does.
        written: ISO 8601 time, UTC; empty where it was not written.
    """

    stage: str = ""
    detail: str = ""
    elapsed: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    running: tuple[RunningTrial, ...] = ()
    ended: tuple[EndedTrial, ...] = ()
    best: EndedTrial | None = None
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    budget: Mapping[str, Amount] = field(default_factory=dict)
    writer: int | None = None
    written: str = ""

    @property
    def total(self) -> int:
        """Trials that ended."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as status.json holds them; each limit with what is left of it."""
        plain = asdict(self)
        for name, amount in self.budget.items():
            plain["budget"][name]["left"] = amount.left
        return plain


def model_name(family: str, backbone: str | None) -> str:
    """Names a network by its family, and by its backbone where it has one."""
    return printable(family if backbone is None else f"{family}/{backbone}")
