"""Slices: the values of each hyperparameter against validation accuracy, a figure per family."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.figures.axis import Axis, percent_axis
from reports.figures.elements import Point, picture, segment, text
from reports.figures.figure import Figure
from reports.figures.keys import keys_of
from reports.figures.legend import Entry, draw_legend, legend_height
from reports.figures.shapes import outline
from reports.figures.stacked import room_below, write_ticks
from reports.figures.thinning import best_and_spread
from reports.figures.value_axis import ValueAxis
from reports.leaderboard import LeaderboardRow
from reports.page import Page
from reports.records import Status
from reports.settings import Settings, settings_of
from reports.wording import percent, printable, setting

__all__ = ["MOST_DOTS", "slice_figures"]

MOST_DOTS = 120
"""Each slice has at most this many marks."""

_MOST_SLICES = 20
_WIDTH, _LEFT, _RIGHT, _BETWEEN = 520.0, 42.0, 20.0, 52.0
_HEIGHT, _TITLE, _TICKS = 118.0, 26.0, 3
_CAPTION = (
    "for each hyperparameter, what its values reached, all other hyperparameters being whatever "
    "they were. A clear slope, or a value above which nothing good lies, narrows the next search; "
    "an even cloud says that the value alone decides little. Across stand the values, upwards the "
    "validation accuracy in per cent. Dark: the family's best; faint: pruned."
)
_LEGEND = (
    Entry("at-best", "diamond", "best"),
    Entry("at-completed", "circle", "completed"),
    Entry("at-pruned", "circle", "pruned"),
)


@dataclass(frozen=True)
class _Slice:
    """One hyperparameter: its axis, the trials that have it, and where on it they stand."""

    name: str
    axis: ValueAxis
    rows: Sequence[LeaderboardRow]

    @property
    def below(self) -> float:
        return room_below(self.axis.ticks(_TICKS), _PLOT)


_PLOT = (_WIDTH - _LEFT - _RIGHT - _BETWEEN) / 2


def slice_figures(page: Page) -> list[Figure]:
    """Draw a figure for each family with measured trials in which a hyperparameter varies."""
    figures, hidden = [], 0
    every = list(settings_of(page.rows, list(page.looks)))
    keys = keys_of("slices", [one.family for one in every])
    for one in every:
        slices = [_slice(one, name) for name in one.names[:_MOST_SLICES]]
        slices = [each for each in slices if each.rows]
        hidden = max(
            [hidden, *(len(_measured(one, each.name)) - len(each.rows) for each in slices)]
        )
        if slices:
            figures.append((one, slices))
    caption = _CAPTION + _left_out(hidden)
    return [
        Figure(
            key=keys[one.family],
            title=f"{one.family}: values against accuracy",
            caption=caption,
            chart=_draw(one, slices),
            numbers=_numbers(slices),
        )
        for one, slices in figures
    ]


def _measured(settings: Settings, name: str) -> list[LeaderboardRow]:
    return [row for row in settings.having(name) if row.val_accuracy is not None]


def _slice(settings: Settings, name: str) -> _Slice:
    rows = best_and_spread(_measured(settings, name), MOST_DOTS)
    return _Slice(name, settings.axis(name), rows)


def _left_out(trials: int) -> str:
    if not trials:
        return ""
    return (
        f" A slice shows at most {MOST_DOTS} trials: the best of the family and an even choice of "
        "the others."
    )


def _numbers(slices: Sequence[_Slice]) -> dict[str, list[bool | int | float | str | None]]:
    lines = [(one.name, row) for one in slices for row in one.rows]
    return {
        "hyperparameter": [name for name, _ in lines],
        "value": [setting(row.hyperparameters[name]) for name, row in lines],
        "trial_id": [row.trial_id for _, row in lines],
        "status": [str(row.status) for _, row in lines],
        "val_accuracy": [row.val_accuracy for _, row in lines],
    }


def _draw(settings: Settings, slices: Sequence[_Slice]) -> str:
    shares = [100 * (row.val_accuracy or 0.0) for one in slices for row in one.rows]
    y = percent_axis(shares, "")
    above = legend_height(_LEGEND, _WIDTH)
    lines = [slices[first : first + 2] for first in range(0, len(slices), 2)]
    tall = [_TITLE + _HEIGHT + max(one.below for one in line) for line in lines]
    root = picture(_WIDTH, above + sum(tall), f"Values and accuracy of {settings.family}")
    draw_legend(root, _LEGEND, _WIDTH)
    best = next((row for row in settings.rows if row.status is Status.COMPLETED), None)
    top = above
    for line, height in zip(lines, tall, strict=True):
        for place, one in enumerate(line):
            left = _LEFT + place * (_PLOT + _BETWEEN)
            _draw_slice(root, one, settings.short(one.name), y, (left, top + _TITLE), best)
        top += height
    return tostring(root, encoding="unicode")


def _draw_slice(
    root: Element,
    one: _Slice,
    title: str,
    y: Axis,
    corner: Point,
    best: LeaderboardRow | None,
) -> None:
    left, top = corner
    frame = SubElement(root, "g", {"class": "axes"})
    text(frame, (left, top - 12), title, "start").set("class", "axis-name")
    for value in y.ticks(3):
        height = top + (1 - y.place(value)) * _HEIGHT
        segment(frame, (left, height), (left + _PLOT, height))
        text(frame, (left - 6, height), f"{value:g}", "end")
    write_ticks(frame, one.axis.ticks(_TICKS), (left, left + _PLOT), top + _HEIGHT)
    plot = SubElement(root, "g", {"class": "slice"})
    for place, row in reversed(list(enumerate(one.rows))):
        x = left + (one.axis.place(row.hyperparameters[one.name]) + _aside(one, place)) * _PLOT
        height = top + (1 - y.place(100 * (row.val_accuracy or 0.0))) * _HEIGHT
        _draw_dot(plot, one.name, row, (x, height), is_best=row is best)


def _aside(one: _Slice, place: int) -> float:
    """A step aside for trials that share a word, so that they do not cover each other."""
    if not one.axis.words:
        return 0.0
    return ((place * 7) % 11 / 10 - 0.5) * 0.55 / len(one.axis.words)


def _draw_dot(parent: Element, name: str, row: LeaderboardRow, at: Point, *, is_best: bool) -> None:
    style = f"dot at-{'best' if is_best else row.status} {row.status}"
    if is_best:
        dot = SubElement(parent, "path", {"d": outline("diamond", *at), "class": style})
    else:
        places = {"cx": f"{at[0]:.1f}", "cy": f"{at[1]:.1f}", "r": "3.2"}
        dot = SubElement(parent, "circle", {**places, "class": style})
    value = setting(row.hyperparameters[name])
    hint = f"trial {row.trial_id}: {name} {value}, {percent(row.val_accuracy)} %, {row.status}"
    SubElement(dot, "title").text = printable(hint)
