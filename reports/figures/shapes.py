"""Markers that can be told apart without colour."""

from xml.etree.ElementTree import Element, SubElement, tostring

__all__ = ["SHAPES", "marker", "outline"]

SHAPES = ("circle", "square", "triangle", "diamond")
"""In the order in which families take them."""


def marker(style: str, shape: str) -> str:
    """Draw one marker as a picture of its own, for a legend."""
    root = Element("svg", {"viewBox": "0 0 14 14", "class": "marker", "aria-hidden": "true"})
    SubElement(root, "path", {"d": outline(shape, 7, 7), "class": f"dot {style}"})
    return tostring(root, encoding="unicode")


def outline(shape: str, x: float, y: float, size: float = 1.0) -> str:
    """Give the path of a marker around a point, about nine units wide at a size of 1."""

    def path(begin: tuple[float, float], rest: str, *lengths: float) -> str:
        there = f"M{x + begin[0] * size:.1f} {y + begin[1] * size:.1f}"
        return there + rest.format(*(f"{length * size:.3g}" for length in lengths))

    if shape == "square":
        return path((-4, -4), "h{0}v{0}h-{0}z", 8)
    if shape == "triangle":
        return path((0, -5), "l{0} {1}h-{2}z", 5, 9, 10)
    if shape == "diamond":
        return path((0, -5.6), "l{0} {0}l-{0} {0}l-{0} -{0}z", 5.6)
    return path((-4.5, 0), "a{0} {0} 0 1 0 {1} 0a{0} {0} 0 1 0 -{1} 0z", 4.5, 9)
