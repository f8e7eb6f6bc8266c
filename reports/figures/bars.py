"""Horizontal bars with whiskers, in groups under a name each, as inline SVG.

A name stands above its bars, not beside them, so that the bars keep their width on a phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.figures.axis import Axis
from reports.figures.elements import picture, segment, text
from reports.wording import printable

__all__ = ["Bar", "BarGroup", "draw_bars"]

# In units of the view box; the page scales the whole chart to the column's width.
_WIDTH, _LEFT, _RIGHT = 520.0, 12.0, 384.0
_TOP, _NAME, _BAR, _GAP, _BELOW = 4.0, 22.0, 20.0, 9.0, 54.0
_THICK, _HATCH = 14.0, 9.0
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Bar:
    """One bar from the axis' beginning.

    Attributes:
        value: Where it ends, in units of the axis; None draws no bar.
        reach: Both ends of its whisker; None draws none.
        style: Class of its colour in report.css.
        hatched: Whether it is light and hatched: measured on less than the others.
        figure: What stands behind it.
        hint: What it shows, in words.
    """

    value: float | None
    reach: tuple[float, float] | None
    style: str
    hatched: bool
    figure: str
    hint: str


@dataclass(frozen=True)
class BarGroup:
    """Bars that belong together; `name` stands above them."""

    name: str
    bars: tuple[Bar, ...]

    @property
    def height(self) -> float:
        """Of the name, the bars and the gap below them."""
        return _NAME + _BAR * len(self.bars) + _GAP


def draw_bars(
    groups: Sequence[BarGroup], axis: Axis, *, label: str, level: tuple[float, str] | None = None
) -> str:
    """Draw the groups from top to bottom.

    Args:
        groups: In their order.
        axis: The horizontal axis; bars begin at its beginning.
        label: What the chart shows, for those who cannot see it.
        level: A value to draw a line at, and its hint.

    Returns:
        The chart as SVG.
    """
    bottom = _TOP + sum(group.height for group in groups)
    root = picture(_WIDTH, bottom + _BELOW, label)
    _draw_axis(SubElement(root, "g", {"class": "axes"}), axis, bottom)
    top = _TOP
    for group in groups:
        parent = SubElement(root, "g")
        _draw_group(parent, group, axis, top)
        if level is not None:
            # Across the bars only: it would strike through the names.
            ends = (top + _NAME, top + group.height - _GAP)
            _draw_level(parent, _across(axis, level[0]), ends, level[1])
        top += group.height
    return tostring(root, encoding="unicode")


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_RIGHT - _LEFT)


def _draw_axis(frame: Element, axis: Axis, bottom: float) -> None:
    for value in axis.ticks():
        x = _across(axis, value)
        segment(frame, (x, _TOP), (x, bottom))
        text(frame, (x, bottom + 15), f"{value:g}", "middle")
    text(frame, ((_LEFT + _RIGHT) / 2, bottom + 39), axis.title, "middle")


def _draw_group(parent: Element, group: BarGroup, axis: Axis, top: float) -> None:
    name = printable(group.name)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    text(parent, (_LEFT, top + _NAME / 2 + 2), short, "start").set("class", "bar-name")
    for number, bar in enumerate(group.bars):
        middle = top + _NAME + _BAR * (number + 0.5)
        _draw_bar(SubElement(parent, "g", {"class": bar.style}), bar, axis, middle)


def _draw_bar(parent: Element, bar: Bar, axis: Axis, middle: float) -> None:
    SubElement(parent, "title").text = printable(bar.hint)
    end = _LEFT if bar.value is None else _across(axis, bar.value)
    text(parent, (_RIGHT + 12, middle), bar.figure, "start").set("class", "bar-figure")
    if bar.value is not None:
        _draw_body(parent, end, middle, hatched=bar.hatched)
    if bar.reach is not None:
        low, high = (_across(axis, value) for value in bar.reach)
        path = f"M{low:.1f} {middle:.1f}H{high:.1f}"
        caps = "".join(f"M{x:.1f} {middle - 4:.1f}v8" for x in (low, high))
        # Twice: it would be lost where ink and bar are of one brightness.
        for style in ("halo", "span"):
            SubElement(parent, "path", {"d": path + caps, "class": style})


def _draw_body(parent: Element, end: float, middle: float, *, hatched: bool) -> None:
    places = {"x": _LEFT, "y": middle - _THICK / 2, "width": end - _LEFT, "height": _THICK}
    body = {name: f"{value:.1f}" for name, value in places.items()}
    SubElement(parent, "rect", {**body, "class": "body light" if hatched else "body"})
    if hatched:
        # Strokes of one length, those that would stick out left away: no pattern has to be
        # named by an address, which the page has none of.
        room = end - _LEFT - _THICK
        strokes = (
            f"M{_LEFT + _HATCH * number:.1f} {middle + _THICK / 2:.1f}l{_THICK:g} -{_THICK:g}"
            for number in range(int(room // _HATCH) + 1)
        )
        SubElement(parent, "path", {"d": "".join(strokes), "class": "hatch"})


def _draw_level(parent: Element, x: float, ends: tuple[float, float], hint: str) -> None:
    line = segment(parent, (x, ends[0]), (x, ends[1]))
    line.set("class", "level")
    SubElement(line, "title").text = printable(hint)
