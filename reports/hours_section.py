"""The report's section on hours and cost: what workers were held for, and what was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.leaderboard import LeaderboardRow
from reports.run import Run
from reports.spending import STAGES, Losses, StageSpending, currency, losses, spending
from reports.wording import NONE, amount

__all__ = ["HoursLine", "HoursSection", "hours_section"]

_COST_MEANING = (
    "A worker costs the price of its node by the hour, divided by the workers of its size that fit "
    "on the node, for as long as it is held. What nobody held is not in it: idle nodes, the head, "
    "disks and traffic. The provider's bill is higher."
)


@dataclass(frozen=True)
class HoursLine:
    """What workers were held for, in words.

    Attributes:
        name: What for; the last line of a section is on all of it.
        worker_hours: Hours that workers were held.
        gpu_hours: Hours that their GPUs were held.
        cost: Of what has a price.
    """

    name: str
    worker_hours: str
    gpu_hours: str
    cost: str


@dataclass(frozen=True, kw_only=True)
class HoursSection:
    """Hours and cost of a run.

    Attributes:
        lines: By stage; the last one is the sum.
        has_gpus: Whether workers held GPUs.
        has_cost: Whether anything has a price.
        currency: What costs are in; empty where it was not said.
        sentences: How to read them, what was lost first.
        workers_lost: By trials and by the stages around them.
        lost: The trials that lost a worker, those that lost the most first.
    """

    lines: tuple[HoursLine, ...]
    has_gpus: bool
    has_cost: bool
    currency: str
    sentences: tuple[str, ...]
    workers_lost: int
    lost: tuple[LeaderboardRow, ...]

    @property
    def total(self) -> HoursLine:
        """The sum."""
        return self.lines[-1]

    @property
    def columns(self) -> tuple[str, ...]:
        """Headers of those columns that have figures, behind the name's."""
        cost = f"cost, {self.currency}" if self.currency else "cost"
        told = ("worker-hours", True), ("GPU-hours", self.has_gpus), (cost, self.has_cost)
        return tuple(name for name, shown in told if shown)

    def cells(self, line: HoursLine) -> tuple[str, ...]:
        """A line's figures in these columns."""
        told = (
            (line.worker_hours, True),
            (line.gpu_hours, self.has_gpus),
            (line.cost, self.has_cost),
        )
        return tuple(text for text, shown in told if shown)


def hours_section(run: Run, rows: Sequence[LeaderboardRow]) -> HoursSection | None:
    """Draw the section from a run; None where it does not say for how long workers were held.

    Raises:
        RunDirectoryError: run.yaml says it with something else than numbers of at least 0.
    """
    if "held" not in run.info and all(row.held_seconds is None for row in rows):
        return None
    stages = spending(run)
    total = sum(stages.values(), StageSpending())
    lost = losses(rows)
    return HoursSection(
        lines=tuple(
            _line(name, one)
            for name, one in [*((STAGES[s], one) for s, one in stages.items()), ("in all", total)]
        ),
        has_gpus=total.gpu_hours > 0,
        has_cost=total.known_cost is not None,
        currency=currency(run.info),
        sentences=tuple(_sentences(total, lost)),
        workers_lost=lost.workers + int(total.lost_workers),
        lost=tuple(sorted((r for r in rows if r.lost_workers), key=_most_first)),
    )


def _line(name: str, one: StageSpending) -> HoursLine:
    cost = one.known_cost
    return HoursLine(
        name=name,
        worker_hours=amount(one.worker_hours),
        gpu_hours=amount(one.gpu_hours),
        cost=NONE if cost is None else amount(cost),
    )


def _most_first(row: LeaderboardRow) -> tuple[int, str]:
    return -(row.lost_workers or 0), row.trial_id


def _sentences(total: StageSpending, lost: Losses) -> list[str]:
    told = [" ".join(filter(None, [_lost(lost), _replaced(int(total.lost_workers))]))]
    if total.known_cost is not None:
        told.append(_COST_MEANING)
    if total.priced and total.unpriced_seconds > 0:
        hours = amount(total.unpriced_seconds / 3600)
        told.append(
            f"{hours} worker-hours have no price: their node's type has none in "
            "resources.price_per_hour, or was not known. Their cost is missing in the sums."
        )
    return told


def _replaced(workers: int) -> str:
    """What is said of workers that the stages around the search lost."""
    if not workers:
        return ""
    many = "1 worker" if workers == 1 else f"{workers:,} workers"
    return f"The stages around the search lost {many}, and did over again what was under way there."


def _lost(lost: Losses) -> str:
    if not lost.trials:
        return "No trial lost its worker."
    who = "1 trial lost its" if lost.trials == 1 else f"{lost.trials:,} trials lost their"
    times = "once" if lost.workers == 1 else f"{lost.workers:,} times in all"
    ended = f" {lost.ended:,} of them did so three times and failed." if lost.ended else ""
    return (
        f"{who} worker, {times}, as happens with spot nodes; a trial then begins again from its "
        f"last kept state.{ended} The {amount(lost.seconds / 3600)} worker-hours of lost attempts "
        "are counted, and paid, like others."
    )
