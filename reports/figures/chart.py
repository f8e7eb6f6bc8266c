"""A small chart as inline SVG. Colours and strokes are classes, so that the theme decides them.

Elements are built as a tree, never pasted together: any text is escaped on its way out.
"""

from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.figures.axis import Axis
from reports.figures.elements import Point, picture, segment, text
from reports.wording import printable

__all__ = ["SHAPES", "Chart", "marker"]

# In units of the view box; the page scales the whole chart to the column's width.
_WIDTH, _HEIGHT = 520.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 14.0, 14.0, 58.0

SHAPES = ("circle", "square", "triangle", "diamond")
"""Markers that can be told apart without colour."""


class Chart:
    """Axes, and what is drawn into them.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        label: What the chart shows, for those who cannot see it.
    """

    def __init__(self, x: Axis, y: Axis, *, label: str) -> None:
        self._x, self._y = x, y
        self._root = picture(_WIDTH, _HEIGHT, label)
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

    def dot(self, point: Point, *, style: str, hint: str, shape: str = "circle") -> None:
        """Mark one point."""
        x, y = self._place(point)
        path = {"d": _outline(shape, x, y), "class": f"dot {style}"}
        self._add("path", path, hint)

    def markup(self) -> str:
        """Give the chart as SVG."""
        return tostring(self._root, encoding="unicode")

    def _add(self, tag: str, attributes: dict[str, str], hint: str) -> None:
        SubElement(SubElement(self._plot, tag, attributes), "title").text = printable(hint)

    def _place(self, point: Point) -> Point:
        x = _LEFT + self._x.place(point[0]) * (_WIDTH - _LEFT - _RIGHT)
        y = _TOP + (1 - self._y.place(point[1])) * (_HEIGHT - _TOP - _BOTTOM)
        return x, y

    def _draw_axes(self) -> None:
        frame = SubElement(self._root, "g", {"class": "axes"})
        for value in self._y.ticks():
            _, y = self._place((self._x.low, value))
            segment(frame, (_LEFT, y), (_WIDTH - _RIGHT, y))
            text(frame, (_LEFT - 8, y), f"{value:g}", "end")
        for value in self._x.ticks():
            x, _ = self._place((value, self._y.low))
            segment(frame, (x, _HEIGHT - _BOTTOM), (x, _HEIGHT - _BOTTOM + 5))
            text(frame, (x, _HEIGHT - _BOTTOM + 18), f"{value:g}", "middle")
        text(frame, (_WIDTH / 2 + _LEFT / 2, _HEIGHT - 13), self._x.title, "middle")
        upright = text(frame, (13, (_HEIGHT - _BOTTOM + _TOP) / 2), self._y.title, "middle")
        upright.set("transform", f"rotate(-90 {upright.get('x')} {upright.get('y')})")


def marker(style: str, shape: str) -> str:
    """Draw one marker as a picture of its own, for a legend."""
    root = Element("svg", {"viewBox": "0 0 14 14", "class": "marker", "aria-hidden": "true"})
    SubElement(root, "path", {"d": _outline(shape, 7, 7), "class": f"dot {style}"})
    return tostring(root, encoding="unicode")


def _outline(shape: str, x: float, y: float) -> str:
    if shape == "square":
        return f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z"
    if shape == "triangle":
        return f"M{x:.1f} {y - 5:.1f}l5 9h-10z"
    if shape == "diamond":
        return f"M{x:.1f} {y - 5.6:.1f}l5.6 5.6l-5.6 5.6l-5.6 -5.6z"
    return f"M{x - 4.5:.1f} {y:.1f}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"
