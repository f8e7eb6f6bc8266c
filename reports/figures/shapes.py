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


def outline(shape: str, x: float, y: float) -> str:
    """Give the path of a marker around a point, about nine units wide."""
    if shape == "square":
        return f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z"
    if shape == "triangle":
        return f"M{x:.1f} {y - 5:.1f}l5 9h-10z"
    if shape == "diamond":
        return f"M{x:.1f} {y - 5.6:.1f}l5.6 5.6l-5.6 5.6l-5.6 -5.6z"
    return f"M{x - 4.5:.1f} {y:.1f}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z"
