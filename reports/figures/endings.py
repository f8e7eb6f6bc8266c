"""How the trials of the search ended: a bar for each reason."""

from collections import Counter
from collections.abc import Iterable

from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.figure import Figure
from reports.page import Page
from reports.records import Stage, Status, TrialRecord

__all__ = ["endings_figures", "reason_of"]

_MOST_BARS = 15
_ORDER = (Status.COMPLETED, Status.PRUNED, Status.FAILED)
_WORDS = {
    "finished": "all epochs",
    "early_stopping": "no longer improving",
    "scheduler": "others were ahead",
    "budget": "the budget was spent",
    "constraint": "breaks a constraint",
}
_CAPTION = (
    "why trials ended, counted. Pruned trials are wanted: they cost little and leave the time to "
    "better ones. A kind of failure that comes often is worth its log (log.txt in the trial's "
    "folder) before the next search."
)


def endings_figures(page: Page) -> list[Figure]:
    """Draw how often each reason ended a search trial; empty before one ended."""
    counted = Counter(
        (record.status, reason_of(record))
        for record in page.run.records
        if record.stage is Stage.SEARCH
    )
    if not counted:
        return []
    ordered = sorted(
        counted.items(), key=lambda item: (_ORDER.index(item[0][0]), -item[1], item[0])
    )
    return [
        Figure(
            key="endings",
            title="How trials ended",
            caption=_CAPTION + _left_out(len(ordered)),
            chart=_draw(ordered[:_MOST_BARS]),
            numbers={
                "status": [str(status) for (status, _), _ in ordered],
                "reason": [reason for (_, reason), _ in ordered],
                "trials": [trials for _, trials in ordered],
            },
        )
    ]


def reason_of(record: TrialRecord) -> str:
    """Name why a trial ended: what its record says, or the kind of its error."""
    if record.stop_reason:
        return record.stop_reason
    kind = (record.error or "").partition(":")[0]
    return kind or "not said"


def _left_out(kinds: int) -> str:
    more = kinds - _MOST_BARS
    return f" {more:,} further reasons are in the file of numbers." if more > 0 else ""


def _draw(ordered: Iterable[tuple[tuple[Status, str], int]]) -> str:
    counted = list(ordered)
    most = max(trials for _, trials in counted)
    groups = [
        BarGroup(
            f"{status}: {_WORDS.get(reason, reason)}",
            (
                Bar(
                    float(trials),
                    None,
                    f"at-{status}",
                    status is Status.PRUNED,
                    f"{trials:,}",
                    f"{trials:,} trials {status}: {reason}",
                ),
            ),
        )
        for (status, reason), trials in counted
    ]
    axis = Axis(0.0, float(most), "trials", whole=True)
    return draw_bars(groups, axis, label="How often each reason ended a trial")
