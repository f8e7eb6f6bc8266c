"""Learning curves: validation accuracy after each epoch, a figure for each family."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.epochs import EpochRecord
from reports.figures.axis import Axis, count_axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.elements import Point
from reports.figures.figure import Figure, Numbers
from reports.figures.keys import keys_of
from reports.figures.palette import Look
from reports.figures.thinning import best_and_spread
from reports.leaderboard import LeaderboardRow
from reports.page import Page
from reports.records import Origin, Stage, Status
from reports.wording import model, percent

__all__ = ["MOST_CURVES", "fine_tuning_figures", "learning_figures"]

MOST_CURVES = 150
"""A figure draws at most this many trials: more would be a grey block."""

_FEW = 40  # curves that can be told apart
_ACCURACY = "validation accuracy, %"
_CAPTION = (
    "how fast each trial learned, family by family, on one scale. Thick: the family's best. Faint: "
    "stopped early because others were ahead at the same epoch. Dashed: a paper's setting. A curve "
    "that still climbs at its end would have gained from more epochs."
)
_TUNING = (
    "whether training the top block on, at a low learning rate, lifted the winner above the dashed "
    "line, which is where it stood before. The full mark is the epoch that was kept. Mind the "
    "scale: it covers a few per cent only."
)


@dataclass(frozen=True)
class _Curve:
    row: LeaderboardRow
    points: list[Point]


def learning_figures(page: Page) -> list[Figure]:
    """Draw the search trials that finished at least one epoch.

    Of a family with more than `MOST_CURVES` of them: the best half of that number and as many
    evenly spread over the others. Only the epochs of those are read.

    Raises:
        RunDirectoryError: A file of epochs is damaged.
    """
    drawn: dict[str, list[_Curve]] = {}
    left_out = 0
    for family in page.looks:
        rows = [row for row in page.rows if row.family == family and _has_curve(row)]
        chosen = best_and_spread(rows, MOST_CURVES)
        left_out += len(rows) - len(chosen)
        read = (_Curve(row, _points(page.run.history(row.trial_id))) for row in chosen)
        if curves := [curve for curve in read if curve.points]:
            drawn[family] = curves
    every = [curve for curves in drawn.values() for curve in curves]
    y = percent_axis([share for curve in every for _, share in curve.points], _ACCURACY)
    x = count_axis(max((curve.points[-1][0] for curve in every), default=1), "epoch")
    caption, keys = _CAPTION + _left_out(left_out), keys_of("learning", drawn)
    return [
        Figure(
            key=keys[family],
            title=family,
            caption=caption,
            chart=_draw(curves, page.looks[family], Chart(x, y, label=_label(family))),
            numbers=_numbers(curves),
        )
        for family, curves in drawn.items()
    ]


def fine_tuning_figures(page: Page) -> list[Figure]:
    """Draw the winner's fine-tuning beside what it had before; empty if there was none."""
    tuned = next((row for row in page.rows if row.stage is Stage.FINE_TUNE), None)
    points = _points(page.run.history(tuned.trial_id)) if tuned else []
    if tuned is None or not points:
        return []
    before = next((row for row in page.rows if row.trial_id == tuned.parent_id), None)
    level = [100 * before.val_accuracy] if before and before.val_accuracy is not None else []
    outcome = ": no gain, weights left as they were" if tuned.kept_epoch == 0 else ""
    return [
        Figure(
            key="fine-tuning",
            title=f"Fine-tuning of trial {tuned.parent_id}{outcome}",
            caption=_TUNING,
            chart=_draw_tuning(tuned, points, level, page.looks[tuned.family]),
            numbers=_numbers([_Curve(tuned, points)]),
        )
    ]


def _has_curve(row: LeaderboardRow) -> bool:
    return row.stage is Stage.SEARCH and row.epochs > 0


def _left_out(trials: int) -> str:
    if not trials:
        return ""
    return (
        f" Drawn are the best trials of each family and an even choice of the others; "
        f"{trials:,} curves are not drawn."
    )


def _draw(curves: Sequence[_Curve], look: Look, chart: Chart) -> str:
    # From the worst to the best, so that the best lies on top.
    for curve in reversed(curves):
        row = curve.row
        style = f"{look.style} {row.status} {'paper' if row.origin is Origin.PAPER else ''}"
        best = curve is curves[0] and row.status is Status.COMPLETED
        style += " many" if len(curves) > _FEW and not best else ""
        chart.line(curve.points, style=f"{style} best" if best else style, hint=_hint(row))
        if len(curve.points) == 1 or best:
            chart.dot(curve.points[-1], style=style, hint=_hint(row), shape=look.shape)
    return chart.markup()


def _draw_tuning(
    tuned: LeaderboardRow, points: Sequence[Point], level: Sequence[float], look: Look
) -> str:
    shares = [*level, *(share for _, share in points)]
    y = Axis(min(shares) - 1.0, min(100.0, max(shares) + 1.0), _ACCURACY)
    x = Axis(0.0, max(1.0, points[-1][0]), "epoch of fine-tuning", whole=True)
    chart = Chart(x, y, label="Validation accuracy per epoch of fine-tuning")
    for value in level:
        chart.level(value, style="before", hint=f"before fine-tuning: {value:.1f} %")
    chart.line(points, style=f"{look.style} best", hint=_hint(tuned))
    for point in points:
        kept = point[0] == tuned.kept_epoch
        style = f"{look.style} {'' if kept else 'pruned'}"
        chart.dot(point, style=style, hint=f"{point[1]:.1f} %{', kept' if kept else ''}")
    return chart.markup()


def _numbers(curves: Sequence[_Curve]) -> Numbers:
    lines = [(curve.row, point) for curve in curves for point in curve.points]
    return {
        "trial_id": [row.trial_id for row, _ in lines],
        "status": [str(row.status) for row, _ in lines],
        "epoch": [int(epoch) for _, (epoch, _) in lines],
        "val_accuracy": [share / 100 for _, (_, share) in lines],
    }


def _points(history: Sequence[EpochRecord]) -> list[Point]:
    return [(float(one.epoch), 100 * one.val_accuracy) for one in history if one.is_finite]


def _hint(row: LeaderboardRow) -> str:
    return (
        f"trial {row.trial_id}, {model(row)}, {row.origin}: {percent(row.val_accuracy)} %, "
        f"{row.status} after {row.epochs} of {row.epochs_allowed} epochs"
    )


def _label(family: str) -> str:
    return f"Validation accuracy per epoch of the trials of {family}"
