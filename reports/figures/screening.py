"""The screened backbones as bars: a probe's accuracy with its interval, both preprocessings."""

from collections.abc import Mapping

from reports.backbones import NATIVE, UNIT, UNIT_MEANING, Screened, Screening
from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.figure import Figure
from reports.figures.palette import Look
from reports.page import Page
from reports.wording import NONE, interval, model, percent

__all__ = ["screening_chart", "screening_figures", "screening_styles"]

# No family that everyone meets has this colour.
_UNIT_STYLE = "c4"


def screening_styles(screening: Screening, looks: Mapping[str, Look]) -> dict[str, str]:
    """The colour of each preprocessing that was screened: native has the family's own."""
    styles = {NATIVE: looks[screening.probes[0].row.family].style, UNIT: _UNIT_STYLE}
    if not screening.both_ways:
        styles[UNIT] = styles[NATIVE]
    present = {one.preprocessing for one in screening.probes}
    return {name: style for name, style in styles.items() if name in present}


def screening_figures(page: Page) -> list[Figure]:
    """Draw all probes, the most accurate backbone first; the scale begins at 0."""
    if page.screening is None:
        return []
    probes = page.screening.probes
    return [
        Figure(
            key="backbone-probes",
            title="Probes of the backbones",
            caption=_caption(page.screening, page.run.validation_images),
            chart=screening_chart(page.screening, page.looks),
            numbers={
                "model": [model(one.row) for one in probes],
                "preprocessing": [one.preprocessing for one in probes],
                "val_accuracy": [one.row.val_accuracy for one in probes],
                "val_accuracy_low": [one.row.val_accuracy_low for one in probes],
                "val_accuracy_high": [one.row.val_accuracy_high for one in probes],
                "share_of_training_images": [one.seen for one in probes],
                "outcome": [one.outcome for one in probes],
            },
        )
    ]


def _caption(screening: Screening, images: int | None) -> str:
    told = [
        "which backbones are ahead, and by how much. Where the whiskers, the 95 % intervals of the "
        f"{f'{images:,} ' if images else ''}validation images, overlap widely, the order may be "
        "chance."
    ]
    if screening.has_dropped:
        told.append(
            "Hatched: dropped in an earlier round, in brackets the share of the training images "
            "that it had seen by then. More of them might have lifted it."
        )
    if screening.chance is not None:
        told.append(
            f"Dashed: naming the most frequent class always, {percent(screening.chance)} %."
        )
    if screening.has_unit:
        told.append(UNIT_MEANING)
    return " ".join(told)


def screening_chart(screening: Screening, looks: Mapping[str, Look]) -> str:
    """Draw the bars alone, as SVG."""
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
