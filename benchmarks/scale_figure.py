"""The figure of docs/scale.md: what each part of the driver costs as trials end."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, fromstring, register_namespace, tostring

from benchmarks.scale_table import Measured
from reports.figures.axis import Axis, count_axis
from reports.figures.chart import Chart

# Okabe and Ito's colours, as in the report.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
WIDTH, HEIGHT, ROW = 520, 342, 18


def figure(measured: Measured) -> str:
    """The chart as an SVG file that stands alone, with its legend."""
    curves = {part: _curve(measured, part) for part in measured.parts}
    most = max((y for curve in curves.values() for _, y in curve), default=1.0)
    chart = Chart(
        count_axis(measured.trials, "trials ended"),
        Axis(0.0, most * 1.05, "milliseconds per trial"),
        label=f"Driver's time per trial by part, up to {measured.trials} trials",
    )
    for number, (part, curve) in enumerate(curves.items()):
        chart.line(curve, style=f"part{number}", hint=part)
    return _alone(chart.markup(), list(curves))


def _curve(measured: Measured, part: str) -> list[tuple[float, float]]:
    known = measured.parts[part]
    windows, per_trial = known["windows"], known["calls"] / measured.trials
    width = measured.trials / len(windows)
    return [
        ((number + 0.5) * width, 1000 * seconds * per_trial)
        for number, seconds in enumerate(windows)
        if seconds is not None
    ]


def _alone(markup: str, parts: list[str]) -> str:
    """Give a chart of the report its own colours, ground and legend."""
    root = fromstring(markup)  # noqa: S314 - our own markup
    height = HEIGHT + ROW * ((len(parts) + 1) // 2) + 8
    root.set("viewBox", f"0 0 {WIDTH} {height}")
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.insert(0, Element("rect", {"width": str(WIDTH), "height": str(height), "fill": "#fff"}))
    style = Element("style")
    rules = [f".part{n} {{ stroke: {COLOURS[n % len(COLOURS)]} }}" for n in range(len(parts))]
    style.text = (
        "text { font: 11px sans-serif; fill: #333 } .axes line { stroke: #ddd } "
        ".line { fill: none; stroke-width: 1.6 } " + " ".join(rules)
    )
    root.insert(0, style)
    for number, part in enumerate(parts):
        x, y = 30 + (number % 2) * 250, HEIGHT + ROW * (number // 2)
        places = {"x1": str(x), "x2": str(x + 20), "y1": str(y), "y2": str(y)}
        SubElement(root, "line", {**places, "class": f"line part{number}"})
        SubElement(root, "text", {"x": str(x + 26), "y": str(y + 4)}).text = part
    register_namespace("", "http://www.w3.org/2000/svg")
    return tostring(root, encoding="unicode") + "\n"
