"""ROC and precision-recall curves, a line for each class against all others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reports.curves import ClassCurves, Curve
from reports.figures.axis import Axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.elements import Point
from reports.figures.figure import Figure, Numbers
from reports.figures.legend import Entry
from reports.figures.shapes import SHAPES

__all__ = ["curve_figures"]

_COLOURS = 8
_FULL = 100.0
_ENDS = (5.0, 10.0, 20.0, 50.0)
"""Where the axis of false positives may end, in per cent, if all curves are through by then."""

_MOST = 40
"""Of more classes those with the smallest areas are drawn."""

# Finer than a hundredth of the plot no eye sees; corners are kept.
_GRAIN = 0.2


@dataclass(frozen=True)
class _Drawn:
    """One class with its curve, its colour and its marker."""

    name: str
    images: int
    curve: Curve
    style: str
    shape: str


def curve_figures(curves: Sequence[ClassCurves], *, which: str) -> list[Figure]:
    """Draw both kinds of curves; a kind that no class has is left out.

    Args:
        curves: Of all classes.
        which: The images, as in "all 320 test images".
    """
    rocs = _drawn((one, one.roc) for one in curves)
    recalls = _drawn((one, one.precision_recall) for one in curves)
    figures = []
    if rocs:
        figures.append(_roc_figure(rocs, _left_out(curves, rocs), which))
    if recalls:
        figures.append(_recall_figure(recalls, _left_out(curves, recalls), which))
    return figures


def _drawn(curves: Iterable[tuple[ClassCurves, Curve | None]]) -> list[_Drawn]:
    return [
        _Drawn(one.name, one.images, curve, f"c{at % _COLOURS}", SHAPES[at % len(SHAPES)])
        for at, (one, curve) in enumerate(curves)
        if curve is not None
    ]


def _worst(drawn: Sequence[_Drawn]) -> list[_Drawn]:
    """Those that are drawn, in their order: all, or the ones with the smallest areas."""
    by_area = sorted(range(len(drawn)), key=lambda at: drawn[at].curve.area)
    return [drawn[at] for at in sorted(by_area[:_MOST])]


def _left_out(curves: Sequence[ClassCurves], drawn: Sequence[_Drawn]) -> str:
    held = {one.name for one in drawn}
    names = [f"“{one.name}”" for one in curves if one.name not in held]
    told = ""
    if len(drawn) > _MOST:
        told = (
            f" Of {len(drawn):,} classes the {_MOST} with the smallest areas are drawn; what "
            "`neurosweep report --figures` writes has the numbers of all."
        )
    if not names:
        return told
    return (
        f"{told} Without a curve: {', '.join(names)}, of which there is no test image, or no image "
        "of another class beside."
    )


def _roc_figure(every: Sequence[_Drawn], left_out: str, which: str) -> Figure:
    drawn = _worst(every)
    end = _end(drawn)
    at_once = [100 * float(one.curve.up[one.curve.across == 0].max()) for one in drawn]
    found = "found (recall), %"
    chart = Chart(
        Axis(0.0, end, "called so wrongly (false positives), %"),
        percent_axis(at_once, found) if end < _FULL else Axis(0.0, _FULL, found),
        label=f"ROC curves of {len(drawn)} classes on {which}",
        legend=_legend(drawn),
    )
    scale = f" Mind the scale: across it ends at {end:g} %."
    if end == _FULL:
        chart.line([(0, 0), (_FULL, _FULL)], style="before", hint="by chance: area 0.5")
        scale = " The dashed line is what guessing would reach."
    for one in drawn:
        points = _within([(100 * x, 100 * up) for x, up in _points(one.curve)], end)
        hint = _hint(one, "area below the ROC curve")
        chart.line(points, style=f"{one.style} curve", hint=hint)
        knee = max(points, key=lambda point: point[1] - point[0])
        chart.dot(knee, style=one.style, hint=hint, shape=one.shape)
    caption = (
        "one line for each class against all others, over all thresholds on its probability: how "
        "much of the class is found for how many false alarms. The nearer to the upper left "
        "corner, where the mark is, the better. An area of 1 is perfect, 0.5 is chance."
    )
    return _figure(
        ("roc", f"ROC curves, {which}", caption + scale + left_out),
        chart,
        every,
        ("false_positive_rate", "true_positive_rate"),
    )


def _recall_figure(every: Sequence[_Drawn], left_out: str, which: str) -> Figure:
    drawn = _worst(every)
    precisions = [100 * float(one.curve.up.min()) for one in drawn]
    chart = Chart(
        Axis(0.0, _FULL, "found (recall), %"),
        percent_axis(precisions, "right (precision), %"),
        label=f"Precision-recall curves of {len(drawn)} classes on {which}",
        legend=_legend(drawn),
    )
    for one in drawn:
        points = [(100 * x, 100 * up) for x, up in _points(one.curve)]
        hint = _hint(one, "average precision")
        chart.line(_stairs(points), style=f"{one.style} curve", hint=hint)
        knee = max(points, key=lambda point: point[0] * point[1])
        chart.dot(knee, style=one.style, hint=hint, shape=one.shape)
    caption = (
        "one line for each class against all others: how many of those that were called the class "
        "are right, the more of the class is to be found. The nearer to the upper right corner, "
        "where the mark is, the better. The area is average precision; unlike that of a ROC curve "
        "it falls where a class is rare. Mind the scale: precision need not begin at 0."
    )
    return _figure(
        ("precision-recall", f"Precision and recall, {which}", caption + left_out),
        chart,
        every,
        ("recall", "precision"),
    )


def _figure(
    words: tuple[str, str, str], chart: Chart, every: Sequence[_Drawn], names: tuple[str, str]
) -> Figure:
    key, title, caption = words
    return Figure(
        key=key,
        title=title,
        caption=caption,
        chart=chart.markup(),
        numbers=_numbers(every, names),
        on_page=_numbers(_worst(every), names) if len(every) > _MOST else None,
    )


def _numbers(curves: Sequence[_Drawn], names: tuple[str, str]) -> Numbers:
    lines = [(one, x, up) for one in curves for x, up in _points(one.curve)]
    return {
        "class": [one.name for one, _, _ in lines],
        "area": [one.curve.area for one, _, _ in lines],
        names[0]: [x for _, x, _ in lines],
        names[1]: [up for _, _, up in lines],
    }


def _legend(drawn: Sequence[_Drawn]) -> list[Entry]:
    return [Entry(one.style, one.shape, f"{_area(one.curve.area)} {one.name}") for one in drawn]


def _area(area: float) -> str:
    # 0.9996 is not 1: a perfect curve alone is written so.
    shown = f"{area:.3f}"
    return shown if shown != "1.000" or area == 1.0 else "> 0.999"


def _hint(one: _Drawn, what: str) -> str:
    return f"{one.name} ({one.images:,} images): {what} {one.curve.area:.4f}"


def _end(drawn: Sequence[_Drawn]) -> float:
    """Where the axis of false positives ends: behind the last curve that still climbs."""
    through = max(
        100 * float(min(x for x, up in zip(one.curve.across, one.curve.up, strict=True) if up >= 1))
        for one in drawn
    )
    return next((end for end in _ENDS if through <= 0.9 * end), _FULL)


def _points(curve: Curve) -> list[Point]:
    """The curve's corners; of steps too small to be seen, some."""
    points: list[Point] = []
    every = list(zip(map(float, curve.across), map(float, curve.up), strict=True))
    for at, point in enumerate(every):
        if 0 < at < len(every) - 1:
            before, after = points[-1], every[at + 1]
            straight = before[0] == point[0] == after[0] or before[1] == point[1] == after[1]
            near = abs(point[0] - before[0]) + abs(point[1] - before[1]) < _GRAIN / 100
            if straight or near:
                continue
        points.append(point)
    return points


def _within(points: Sequence[Point], end: float) -> list[Point]:
    """Up to the end of the axis; all curves are level there."""
    kept = [point for point in points if point[0] <= end]
    return [*kept, (end, kept[-1][1])] if kept[-1][0] < end else kept


def _stairs(points: Sequence[Point]) -> list[Point]:
    """Each recall up to which its precision holds, from the left: what average precision sums."""
    stairs = [points[0]]
    for (across, _), (next_across, next_up) in pairwise(points):
        stairs += [(across, next_up), (next_across, next_up)]
    return stairs
