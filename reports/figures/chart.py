"""A small chart as inline SVG. Colours and strokes are classes, so that the theme decides them.

Elements are built as a tree, never pasted together: any text is escaped on its way out.
"""

from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import SubElement, tostring

from reports.figures.axis import Axis
from reports.figures.elements import Point, picture, segment, text, text_within
from reports.figures.legend import Entry, draw_legend, legend_height
from reports.figures.shapes import outline
from reports.wording import printable

__all__ = ["Chart"]

# In units of the view box; the page scales the whole chart to the column's width.
_WIDTH, _HEIGHT = 520.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 14.0, 14.0, 58.0


class Chart:
    """Axes, and what is drawn into them.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        label: What the chart shows, for those who cannot see it.
        legend: What colours and markers mean, above the plot; none where one of them is there.
    """

    def __init__(self, x: Axis, y: Axis, *, label: str, legend: Sequence[Entry] = ()) -> None:
        self._x, self._y = x, y
        self._above = legend_height(legend, _WIDTH)
        self._root = picture(_WIDTH, _HEIGHT + self._above, label)
        draw_legend(self._root, legend, _WIDTH)
        self._draw_axes()
        self._plot = SubElement(self._root, "g")

    def line(self, points: Sequence[Point], *, style: str, hint: str) -> None:
        """Join points by straight lines."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._place, points))
        self._add("polyline", {"points": places, "class": f"line {style}"}, hint)

    def steps(self, points: Sequence[Point], *, style: str, hint: str) -> None:
        """Draw a value that holds until the next point."""
        held = [
            place for before, point in pairwise(points) for place in (before, (point[0], before[1]))
        ]
        self.line([*held, *points[-1:]], style=style, hint=hint)

    def level(self, value: float, *, style: str, hint: str) -> None:
        """Draw a horizontal line across the whole chart."""
        self.line([(self._x.low, value), (self._x.high, value)], style=style, hint=hint)

    def dot(
        self, point: Point, *, style: str, hint: str, shape: str = "circle", size: float = 1.0
    ) -> None:
        """Mark one point; a size of 1 is about nine units wide."""
        x, y = self._place(point)
        path = {"d": outline(shape, x, y, size), "class": f"dot {style}"}
        self._add("path", path, hint)

    def markup(self) -> str:
        """Give the chart as SVG."""
        return tostring(self._root, encoding="unicode")

    def _add(self, tag: str, attributes: dict[str, str], hint: str) -> None:
        SubElement(SubElement(self._plot, tag, attributes), "title").text = printable(hint)

    def _place(self, point: Point) -> Point:
        x = _LEFT + self._x.place(point[0]) * (_WIDTH - _LEFT - _RIGHT)
        y = self._above + _TOP + (1 - self._y.place(point[1])) * (_HEIGHT - _TOP - _BOTTOM)
        return x, y

    def _draw_axes(self) -> None:
        frame = SubElement(self._root, "g", {"class": "axes"})
        height = self._above + _HEIGHT
        for value in self._y.ticks():
            _, y = self._place((self._x.low, value))
            segment(frame, (_LEFT, y), (_WIDTH - _RIGHT, y))
            text(frame, (_LEFT - 8, y), f"{value:g}", "end")
        for value in self._x.ticks():
            x, _ = self._place((value, self._y.low))
            segment(frame, (x, height - _BOTTOM), (x, height - _BOTTOM + 5))
            text_within(frame, (x, height - _BOTTOM + 18), f"{value:g}", _WIDTH)
        text(frame, (_WIDTH / 2 + _LEFT / 2, height - 13), self._x.title, "middle")
        upright = text(
            frame, (13, self._above + (_HEIGHT - _BOTTOM + _TOP) / 2), self._y.title, "middle"
        )
        upright.set("transform", f"rotate(-90 {upright.get('x')} {upright.get('y')})")
