"""Pieces of an SVG picture: elements of a tree, so that any text is escaped on its way out."""

from xml.etree.ElementTree import Element, SubElement

from reports.wording import printable

__all__ = ["Point", "picture", "segment", "text", "text_within"]

_HALF_A_SIGN = 5.0  # in units of the view box, in the larger type of a narrow page

Point = tuple[float, float]
"""Across and down, in units of the view box."""


def picture(width: float, height: float, label: str) -> Element:
    """Begin a chart; `label` says what it shows, for those who cannot see it."""
    attributes = {"viewBox": f"0 0 {width:g} {height:g}", "class": "chart", "role": "img"}
    root = Element("svg", attributes)
    SubElement(root, "title").text = printable(label)
    return root


def segment(parent: Element, begin: Point, end: Point) -> Element:
    """Draw a straight line."""
    places = zip(("x1", "y1", "x2", "y2"), (*begin, *end), strict=True)
    return SubElement(parent, "line", {name: f"{value:.1f}" for name, value in places})


def text(parent: Element, place: Point, written: str, anchor: str) -> Element:
    """Write one line, centred on its height; `anchor` is start, middle or end."""
    attributes = {
        "x": f"{place[0]:.1f}",
        "y": f"{place[1]:.1f}",
        "text-anchor": anchor,
        "dominant-baseline": "middle",
    }
    element = SubElement(parent, "text", attributes)
    element.text = printable(written)
    return element


def text_within(parent: Element, place: Point, written: str, edge: float) -> Element:
    """Write one line centred on a place, or up to an edge on the right where it would be cut.

    Args:
        parent: What it becomes part of.
        place: Its centre.
        written: The line.
        edge: Where there is no more room, across.
    """
    if place[0] + len(written) * _HALF_A_SIGN > edge:
        return text(parent, (edge - 1, place[1]), written, "end")
    return text(parent, place, written, "middle")
