"""A confusion matrix as a picture: true classes downwards, what the network said across."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.evaluation import Evaluation
from reports.figures.elements import picture, text
from reports.figures.figure import Figure, Numbers
from reports.verdicts import Cell, Measured
from reports.wording import percent, printable

__all__ = ["confusion_figure"]

# In units of the view box; the page scales the whole chart to the column's width.
_WIDTH, _LEFT, _RIGHT, _TOP, _BELOW = 520.0, 148.0, 30.0, 98.0, 8.0
_LONGEST, _LONGEST_SLANTED = 13, 11
_NUMBERS_FROM = 26.0
"""Cells that are narrower hold no number: it could not be read."""


def confusion_figure(measured: Measured, evaluation: Evaluation, *, key: str, which: str) -> Figure:
    """Draw one model's answers on some of the test images.

    Args:
        measured: Its figures on them.
        evaluation: Names the classes and, where there is one, the negative class.
        key: Of the figure.
        which: The images, as in "all 320 test images".
    """
    every = range(len(evaluation.classes))
    are_all = len(measured.shown) == len(every)
    return Figure(
        key=key,
        title=f"Confusion matrix, {which}",
        caption=_caption(measured, evaluation),
        chart=_draw(measured, evaluation, which),
        numbers=_numbers(measured, evaluation, every),
        on_page=None if are_all else _numbers(measured, evaluation, measured.shown),
    )


def _numbers(measured: Measured, evaluation: Evaluation, places: Sequence[int]) -> Numbers:
    """Cells of the classes in these places, row by row."""
    names = [evaluation.classes[place] for place in places]
    rows = [(measured.confusion[place], max(1, sum(measured.confusion[place]))) for place in places]
    return {
        "true_class": [name for name in names for _ in names],
        "predicted_class": [name for _ in names for name in names],
        "images": [row[place] for row, _ in rows for place in places],
        "share_of_true_class": [row[place] / total for row, total in rows for place in places],
    }


def _caption(measured: Measured, evaluation: Evaluation) -> str:
    told = (
        "which class is taken for which. A row is a true class, a column what the network said; "
        "the number counts images, and below it stands their share of the row. Right answers lie "
        "on the diagonal; colour deepens with the share."
    )
    if evaluation.negative_class is not None:
        told += (
            f" A red frame marks positives called “{evaluation.negative_class}”: the error that "
            "matters most."
        )
    if len(measured.shown) < len(evaluation.classes):
        told += (
            f" Of {len(evaluation.classes):,} classes the {len(measured.shown)} with the most "
            "confusions are drawn, and shares are of all images of a class; what "
            "`neurosweep report --figures` writes has the numbers of all."
        )
    return told


def _draw(measured: Measured, evaluation: Evaluation, which: str) -> str:
    matrix, names = measured.matrix, [evaluation.classes[place] for place in measured.shown]
    side = (_WIDTH - _LEFT - _RIGHT) / max(1, len(matrix))
    across = min(side, 120.0)
    down = min(side, 62.0)
    right = sum(row[place] for place, row in enumerate(measured.confusion))
    images = sum(map(sum, measured.confusion))
    label = f"Confusion matrix on {which}: {right} of {images} right"
    drawn = picture(_WIDTH, _TOP + down * len(matrix) + _BELOW, label)
    # A group of its own has the class: a picture that is saved gets another root.
    root = SubElement(drawn, "g", {"class": "matrix"})
    _draw_names(SubElement(root, "g", {"class": "axes"}), names, across, down)
    for number, cells in enumerate(matrix):
        for place, cell in enumerate(cells):
            corner = (_LEFT + place * across, _TOP + number * down)
            pair = (names[number], names[place])
            _draw_cell(SubElement(root, "g"), cell, corner, (across, down), pair)
    return tostring(drawn, encoding="unicode")


def _draw_names(frame: Element, classes: Sequence[str], across: float, down: float) -> None:
    text(frame, (_LEFT - 8, _TOP - 14), "true ↓  said →", "end")
    step = max(1, round(18 / min(across, down)))  # of many classes, not every one has room
    for number, name in list(enumerate(classes))[::step]:
        text(frame, (_LEFT - 8, _TOP + (number + 0.5) * down), _cut(name, _LONGEST), "end")
        place = (_LEFT + (number + 0.5) * across - 12, _TOP - 8)
        slanted = text(frame, place, _cut(name, _LONGEST_SLANTED), "start")
        slanted.set("transform", f"rotate(-50 {place[0]:.1f} {place[1]:.1f})")


def _draw_cell(
    parent: Element,
    cell: Cell,
    corner: tuple[float, float],
    size: tuple[float, float],
    pair: tuple[str, str],
) -> None:
    hint = f"{pair[0]}, called {pair[1]}: {cell.images:,} images, {percent(cell.share)} %"
    SubElement(parent, "title").text = printable(hint)
    (x, y), (width, height) = corner, size
    places = {"x": x + 1.5, "y": y + 1.5, "width": width - 3, "height": height - 3}
    area = {name: f"{value:.1f}" for name, value in places.items()} | {"rx": "4"}
    SubElement(parent, "rect", {**area, "class": "cell none"})
    if cell.images:
        tint = cell.share * 0.85 if cell.right else min(0.7, 0.1 + 2.4 * cell.share)
        style = "cell right" if cell.right else "cell wrong"
        SubElement(parent, "rect", {**area, "class": style, "fill-opacity": f"{tint:.3f}"})
    if cell.missed and cell.images:
        SubElement(parent, "rect", {**area, "class": "cell missed"})
    if min(width, height * 2) < _NUMBERS_FROM:
        return
    middle = x + width / 2
    strong = " on-dark" if cell.right and cell.share > 0.5 else ""
    has_share = cell.images > 0 and height > 44 and width > 60
    number = text(
        parent, (middle, y + height / 2 - (9 if has_share else 0)), f"{cell.images}", "middle"
    )
    number.set("class", f"{'soft' if not cell.images else 'count'}{strong}")
    if has_share:
        share = text(parent, (middle, y + height / 2 + 13), f"{percent(cell.share)} %", "middle")
        share.set("class", f"share{strong}")


def _cut(name: str, most: int) -> str:
    shown = printable(name)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
