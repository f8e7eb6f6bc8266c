"""The screened backbones as bars: a probe's accuracy with its interval, both preprocessings."""

from collections.abc import Mapping

from reports.backbones import NATIVE, UNIT, Screened, Screening
from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.palette import Look
from reports.wording import NONE, interval, model, percent

__all__ = ["screening_chart", "screening_styles"]

# No family that everyone meets has this colour.
_UNIT_STYLE = "c4"


def screening_styles(screening: Screening, looks: Mapping[str, Look]) -> dict[str, str]:
    """The colour of each preprocessing that was screened: native has the family's own."""
    styles = {NATIVE: looks[screening.probes[0].row.family].style, UNIT: _UNIT_STYLE}
    if not screening.both_ways:
        styles[UNIT] = styles[NATIVE]
    present = {one.preprocessing for one in screening.probes}
    return {name: style for name, style in styles.items() if name in present}


def screening_chart(screening: Screening, looks: Mapping[str, Look]) -> str:
    """Draw all probes, the most accurate backbone first; the scale begins at 0."""
    styles = screening_styles(screening, looks)
    groups = [
        BarGroup(model(group[0].row), tuple(_bar(one, styles) for one in group))
        for group in screening.backbones
    ]
    chance = screening.chance
    level = None if chance is None else (100 * chance, f"by chance: {percent(chance)} %")
    axis = Axis(0.0, 100.0, "validation accuracy of the probe, %")
    return draw_bars(groups, axis, label=_label(screening), level=level)


def _bar(one: Screened, styles: Mapping[str, str]) -> Bar:
    accuracy, low, high = (
        one.row.val_accuracy,
        one.row.val_accuracy_low,
        one.row.val_accuracy_high,
    )
    return Bar(
        None if accuracy is None else 100 * accuracy,
        None if low is None or high is None else (100 * low, 100 * high),
        styles[one.preprocessing],
        one.was_dropped,
        _figure(one),
        _hint(one),
    )


def _figure(one: Screened) -> str:
    if one.row.val_accuracy is None:
        return one.row.status
    seen = f" ({percent(one.seen, 0)} %)" if one.was_dropped and one.seen is not None else ""
    return f"{percent(one.row.val_accuracy)}{seen}"


def _hint(one: Screened) -> str:
    bounds = interval(one.row.val_accuracy_low, one.row.val_accuracy_high)
    sure = "" if bounds == NONE else f" (95 % interval {bounds})"
    seen = "" if one.seen is None else f", on {percent(one.seen, 0)} % of the training images"
    accuracy = f"{percent(one.row.val_accuracy)} %"
    return f"{model(one.row)}, {one.preprocessing}: {accuracy}{sure}{seen}, {one.outcome}"


def _label(screening: Screening) -> str:
    told = f"Validation accuracy of linear probes on {len(screening.backbones)} backbones"
    first = screening.probes[0].row
    best = max((one.row.val_accuracy or 0.0 for one in screening.backbones[0]), default=0.0)
    return (
        told if first.val_accuracy is None else f"{told}; best: {model(first)}, {percent(best)} %"
    )
