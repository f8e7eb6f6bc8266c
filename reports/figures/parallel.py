"""Parallel coordinates: every trial a line through the values of its hyperparameters.

The axes lie across and are stacked, so that names have room on a phone, too.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.figures.axis import percent_axis
from reports.figures.elements import picture, segment
from reports.figures.figure import Figure
from reports.figures.keys import keys_of
from reports.figures.legend import Entry, draw_legend, legend_height
from reports.figures.stacked import StackedAxis, heights
from reports.figures.thinning import best_and_spread
from reports.leaderboard import LeaderboardRow
from reports.page import Page
from reports.records import Status
from reports.settings import Settings, settings_of
from reports.wording import model, percent, printable

__all__ = ["MOST_LINES", "parallel_figures"]

MOST_LINES = 200
"""A figure draws at most this many trials."""

_MOST_AXES = 20
_WIDTH = 520.0
_CAPTION = (
    "each line is a trial and runs from top to bottom through the values of its hyperparameters, "
    "down to the validation accuracy that it reached. Where the strong lines, the best tenth "
    "of those drawn, run together, good trials agree; where they spread, the value matters little. "
    "Thick: the family's best. Faint: pruned. Dashed: failed. At the dash on the left a "
    "hyperparameter was not in use, or nothing was measured."
)
_LEGEND = (
    Entry("at-best", "circle", "best"),
    Entry("at-completed", "circle", "completed"),
    Entry("at-pruned", "circle", "pruned"),
    Entry("at-failed", "circle", "failed"),
)


def parallel_figures(page: Page) -> list[Figure]:
    """Draw a figure for each family in which a hyperparameter varies."""
    every = [one for one in settings_of(page.rows, list(page.looks)) if one.names]
    keys = keys_of("parallel", [one.family for one in every])
    drawn = {one.family: best_and_spread(one.rows, MOST_LINES) for one in every}
    hidden = sum(len(one.rows) - len(drawn[one.family]) for one in every)
    caption = _CAPTION + _left_out(hidden, max((len(one.names) for one in every), default=0))
    return [
        Figure(
            key=keys[one.family],
            title=f"{one.family}: settings of the trials",
            caption=caption,
            chart=_draw(one, drawn[one.family]),
            numbers={
                "trial_id": [row.trial_id for row in drawn[one.family]],
                "status": [str(row.status) for row in drawn[one.family]],
                **{
                    name: [row.hyperparameters.get(name) for row in drawn[one.family]]
                    for name in one.names
                },
                "val_accuracy": [row.val_accuracy for row in drawn[one.family]],
            },
        )
        for one in every
    ]


def _left_out(trials: int, names: int) -> str:
    told = ""
    if trials:
        told = (
            f" Drawn are the best trials of each family and an even choice of the others; "
            f"{trials:,} are not drawn."
        )
    if names > _MOST_AXES:
        told += f" Only the first {_MOST_AXES} hyperparameters have an axis."
    return told


def _draw(settings: Settings, rows: Sequence[LeaderboardRow]) -> str:
    axes = [StackedAxis.of(settings, name, rows) for name in settings.names[:_MOST_AXES]]
    accuracy = percent_axis(
        [100 * row.val_accuracy for row in rows if row.val_accuracy is not None], ""
    )
    axes.append(StackedAxis.of_accuracy(accuracy, rows))
    present = {f"at-{row.status}" for row in rows} | {"at-best"}
    legend = [entry for entry in _LEGEND if entry.style in present]
    top = legend_height(legend, _WIDTH)
    places = heights(axes, top)
    root = picture(_WIDTH, places[-1] + axes[-1].below, f"Hyperparameters of {settings.family}")
    draw_legend(root, legend, _WIDTH)
    frame = SubElement(root, "g", {"class": "axes"})
    for axis, y in zip(axes, places, strict=True):
        segment(frame, (axis.left, y), (axis.right, y))
    _draw_lines(SubElement(root, "g"), axes, places, rows)
    labels = SubElement(root, "g", {"class": "axes over-lines"})
    for axis, y in zip(axes, places, strict=True):
        axis.write(labels, y)
    return tostring(root, encoding="unicode")


def _draw_lines(
    parent: Element,
    axes: Sequence[StackedAxis],
    places: Sequence[float],
    rows: Sequence[LeaderboardRow],
) -> None:
    best = next((row for row in rows if row.status is Status.COMPLETED), None)
    tenth = -(-len(rows) // 10)
    # From the worst to the best, so that the best lies on top.
    for number, row in reversed(list(enumerate(rows))):
        points = " ".join(
            f"{axis.across(row, number):.1f},{y:.1f}" for axis, y in zip(axes, places, strict=True)
        )
        style = f"way at-{'best' if row is best else row.status}"
        if number < tenth and row.status is Status.COMPLETED:
            style += " ahead"
        line = SubElement(parent, "polyline", {"points": points, "class": style})
        SubElement(line, "title").text = printable(_hint(row))


def _hint(row: LeaderboardRow) -> str:
    return f"trial {row.trial_id}, {model(row)}: {percent(row.val_accuracy)} %, {row.status}"
