"""How many trials reached each epoch, which is each rung: a line for each family."""

from bisect import bisect_left

from reports.figures.axis import Axis, count_axis
from reports.figures.chart import Chart
from reports.figures.figure import Figure
from reports.figures.legend import Entry
from reports.page import Page
from reports.records import Stage, Status

__all__ = ["survival_figures"]

_CAPTION = (
    "which part of a family's trials was still training at each epoch; every epoch is a rung at "
    "which trials are compared and those behind are stopped. Where a line falls early, little time "
    "went into that family's weak settings; one that stays high while its best is behind took "
    "more than it gave. Trials that were done before the last epoch have left, too, and "
    "failed ones when they failed."
)


def survival_figures(page: Page) -> list[Figure]:
    """Draw the share of each family's search trials that finished each epoch, from epoch 0."""
    epochs: dict[str, list[int]] = {}
    for row in page.rows:
        if row.stage is Stage.SEARCH and (row.epochs or row.status is Status.FAILED):
            epochs.setdefault(row.family, []).append(row.epochs)
    last = max((max(own) for own in epochs.values()), default=0)
    if last == 0:
        return []
    reached = {
        family: _reached(sorted(epochs[family]), last) for family in page.looks if family in epochs
    }
    legend = [
        Entry(look.style, look.shape, name) for name, look in page.looks.items() if name in reached
    ]
    axis = Axis(0.0, 100.0, "trials that finished the epoch, %")
    chart = Chart(
        count_axis(float(last), "epoch"),
        axis,
        label="Trials that reached each epoch",
        legend=legend,
    )
    for family, counts in reached.items():
        look = page.looks[family]
        points = [(float(epoch), 100 * count / counts[0]) for epoch, count in enumerate(counts)]
        told = f"{family}: {counts[0]:,} trials, {counts[-1]:,} finished epoch {last}"
        chart.steps(points, style=f"{look.style} strong", hint=told)
        for epoch in _marked(last):
            hint = f"{family}: {counts[epoch]:,} of {counts[0]:,} trials finished epoch {epoch}"
            chart.dot(points[epoch], style=look.style, hint=hint, shape=look.shape)
    lines = [
        (family, epoch, count, counts[0])
        for family, counts in reached.items()
        for epoch, count in enumerate(counts)
    ]
    return [
        Figure(
            key="survival",
            title="Trials that reached each epoch",
            caption=_CAPTION,
            chart=chart.markup(),
            numbers={
                "family": [family for family, _, _, _ in lines],
                "epoch": [epoch for _, epoch, _, _ in lines],
                "trials": [count for _, _, count, _ in lines],
                "share": [count / most for _, _, count, most in lines],
            },
        )
    ]


def _reached(epochs: list[int], last: int) -> list[int]:
    return [len(epochs) - bisect_left(epochs, epoch) for epoch in range(last + 1)]


def _marked(last: int) -> range:
    """Epochs with a mark: all, or an even choice of long trainings."""
    return range(0, last + 1, max(1, -(-last // 20)))
