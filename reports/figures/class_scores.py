"""Precision, recall and F1 of each class as bars: the classification report as a picture."""

from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.figure import Figure
from reports.verdicts import ClassFigures, Measured
from reports.wording import percent

__all__ = ["class_scores_figure"]

_FIGURES = (("precision", "prec.", "c0"), ("recall", "recall", "c1"), ("F1", "F1", "c2"))


def class_scores_figure(measured: Measured, *, key: str, which: str) -> Figure:
    """Draw a model's classification report on some of the test images.

    Args:
        measured: Its figures on them.
        key: Of the figure.
        which: The images, as in "all 320 test images".
    """
    lines, shown = measured.classes, measured.shown_lines
    # What no image of the class can show is no figure: recall of nothing is not 0.
    drawn = [line for line in shown if line.support]
    return Figure(
        key=key,
        title=f"Precision, recall and F1, {which}",
        caption=_caption(measured, len(drawn)),
        chart=draw_bars(
            [BarGroup(f"{line.name}, {line.support:,} images", _bars(line)) for line in drawn],
            Axis(0.0, 100.0, "%"),
            label=f"Precision, recall and F1 of each class on {which}",
        ),
        numbers={
            "class": [line.name for line in lines],
            "precision": [line.precision for line in lines],
            "recall": [line.recall if line.support else None for line in lines],
            "f1": [line.f1 if line.support else None for line in lines],
            "support": [line.support for line in lines],
        },
    )


def _caption(measured: Measured, drawn: int) -> str:
    told = (
        "precision (upper bar) is the share of right ones among those that were called the class; "
        "recall (middle) the share of the class that was found; F1 (lower) their harmonic mean. "
        "The macro average counts each class alike, the weighted one each image."
    )
    if drawn < len(measured.shown_lines):
        told += " A class without a test image has no bars."
    if len(measured.shown) < len(measured.confusion):
        told += (
            f" Of {len(measured.confusion):,} classes the {len(measured.shown)} with the most "
            "confusions are drawn; the numbers are those of all."
        )
    return told


def _bars(line: ClassFigures) -> tuple[Bar, ...]:
    values = (line.precision, line.recall, line.f1)
    return tuple(
        Bar(
            100 * value,
            None,
            style,
            False,
            f"{short} {percent(value)}",
            f"{line.name}: {name} {percent(value)} %",
        )
        for value, (name, short, style) in zip(values, _FIGURES, strict=True)
    )
