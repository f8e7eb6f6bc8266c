"""A reliability diagram: how often a model is right that says it is so sure."""

from reports.figures.axis import Axis
from reports.figures.chart import Chart
from reports.figures.figure import Figure
from reports.figures.legend import Entry
from reports.reliability import Bin, Calibration, Reliability
from reports.scores.calibration import BINS
from reports.wording import percent

__all__ = ["reliability_figure"]

_BEFORE, _AFTER = ("c1", "square"), ("c0", "circle")


def reliability_figure(found: Calibration, *, which: str) -> Figure:
    """Draw test images before temperature scaling and, where a temperature was found, after it.

    Args:
        found: The calibration.
        which: The images, as in "all 320 test images".
    """
    shown = [("as trained", found.before, _BEFORE)]
    if found.bounded:
        shown.append((f"T = {found.temperature:.2f}", found.after, _AFTER))
    low = min(one.confidence for _, kind, _ in shown for one in kind.bins)
    x = Axis(10.0 * int(min(90.0, 100 * low) / 10), 100.0, "says it is so sure (confidence), %")
    legend = [Entry(*look, f"{name}: error {_error(kind)}") for name, kind, look in shown]
    chart = Chart(
        x,
        Axis(0.0, 100.0, "is right (accuracy), %"),
        label=f"Reliability on {which}",
        legend=legend,
    )
    chart.line([(x.low, x.low), (100, 100)], style="before", hint="as sure as it is right")
    for name, kind, (style, shape) in shown:
        _draw(chart, name, kind, style, shape)
    return Figure(
        key="reliability",
        title=f"Reliability, {which}",
        caption=_caption(found),
        chart=chart.markup(),
        numbers=_numbers(shown),
    )


def _draw(chart: Chart, name: str, kind: Reliability, style: str, shape: str) -> None:
    for one in kind.bins:
        x = 100 * one.confidence
        hint = _hint(name, one)
        chart.line([(x, 100 * one.low), (x, 100 * one.high)], style=f"{style} reach", hint=hint)
    points = [(100 * one.confidence, 100 * one.accuracy) for one in kind.bins]
    chart.line(points, style=style, hint=f"{name}: expected calibration error {_error(kind)}")
    for point, one in zip(points, kind.bins, strict=True):
        chart.dot(point, style=style, hint=_hint(name, one), shape=shape)


def _hint(name: str, one: Bin) -> str:
    return (
        f"{name}: {one.images:,} images, {percent(one.confidence)} % sure on average, "
        f"{percent(one.accuracy)} % right"
    )


def _error(kind: Reliability) -> str:
    return f"{percent(kind.error)} %"


def _caption(found: Calibration) -> str:
    told = (
        f"images are sorted by the probability of the class that was named, into {BINS} equal "
        "parts; a mark is one part, its bar the 95 % interval of its share of right answers. On "
        "the dashed line the network is right as often as it claims, below it too sure of itself. "
        "The error is the expected calibration error, the mean distance from the line over all "
        "images. Mind the marks of few images: their bars are long."
    )
    if not found.bounded:
        return (
            f"{told} It is {_error(found.before)}. No temperature could be fitted: the "
            f"{found.fitted_to:,} validation images do not bound it."
        )
    return (
        f"{told} The temperature T divides the logits. It was fitted to the {found.fitted_to:,} "
        "validation images, on which models were chosen as well, and not to these. It changes no "
        "answer, and the published model does not contain it. Cross-entropy goes from "
        f"{found.before.loss:.4f} to {found.after.loss:.4f}."
    )


def _numbers(
    shown: list[tuple[str, Reliability, tuple[str, str]]],
) -> dict[str, list[str | float | int]]:
    lines = [(name, one) for name, kind, _ in shown for one in kind.bins]
    return {
        "answers": [name for name, _ in lines],
        "confidence": [one.confidence for _, one in lines],
        "accuracy": [one.accuracy for _, one in lines],
        "accuracy_low": [one.low for _, one in lines],
        "accuracy_high": [one.high for _, one in lines],
        "images": [one.images for _, one in lines],
    }
