"""Learning curves: validation accuracy after each epoch, a panel for each family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.epochs import EpochRecord
from reports.figures.axis import Axis, count_axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.palette import Look
from reports.leaderboard import LeaderboardRow
from reports.records import Origin, Stage, Status
from reports.run import Run
from reports.wording import model, percent

__all__ = ["MOST_CURVES", "Panel", "fine_tuning_panel", "learning_panels"]

MOST_CURVES = 150
"""A panel draws at most this many trials, the best of them: more would be a grey block."""

_ACCURACY = "validation accuracy, %"


@dataclass(frozen=True)
class Panel:
    """One chart with a heading.

    Attributes:
        title: The heading.
        chart: The chart as SVG.
        left_out: Trials that have a curve and were not drawn.
    """

    title: str
    chart: str
    left_out: int = 0


def learning_panels(
    run: Run, rows: Sequence[LeaderboardRow], looks: Mapping[str, Look]
) -> list[Panel]:
    """Draw all search trials that finished at least one epoch."""
    curves = [
        (row, curve)
        for row in rows
        if row.stage is Stage.SEARCH and (curve := _curve(run.history(row.trial_id)))
    ]
    y = percent_axis([share for _, curve in curves for _, share in curve], _ACCURACY)
    x = count_axis(max((curve[-1][0] for _, curve in curves), default=1), "epoch")
    panels = []
    for family, look in looks.items():
        own = [(row, curve) for row, curve in curves if row.family == family]
        if own:
            panels.append(_family_panel(family, own, look, Chart(x, y, label=_label(family))))
    return panels


def fine_tuning_panel(
    run: Run, rows: Sequence[LeaderboardRow], looks: Mapping[str, Look]
) -> Panel | None:
    """Draw the winner's fine-tuning beside what it had before; None if there was none."""
    tuned = next((row for row in rows if row.stage is Stage.FINE_TUNE), None)
    curve = _curve(run.history(tuned.trial_id)) if tuned else []
    if tuned is None or not curve:
        return None
    before = next((row for row in rows if row.trial_id == tuned.parent_id), None)
    level = [100 * before.val_accuracy] if before and before.val_accuracy is not None else []
    shares = [*level, *(share for _, share in curve)]
    y = Axis(min(shares) - 1.0, min(100.0, max(shares) + 1.0), _ACCURACY)
    x = Axis(0.0, max(1.0, curve[-1][0]), "epoch of fine-tuning", whole=True)
    chart = Chart(x, y, label="Validation accuracy per epoch of fine-tuning")
    for value in level:
        chart.level(value, style="before", hint=f"before fine-tuning: {value:.1f} %")
    chart.line(curve, style=f"{looks[tuned.family].style} best", hint=_hint(tuned))
    for point in curve:
        kept = point[0] == tuned.kept_epoch
        style = f"{looks[tuned.family].style} {'' if kept else 'pruned'}"
        chart.dot(point, style=style, hint=f"{point[1]:.1f} %{', kept' if kept else ''}")
    outcome = ": no gain, weights left as they were" if tuned.kept_epoch == 0 else ""
    return Panel(f"Fine-tuning of trial {tuned.parent_id}{outcome}", chart.markup())


def _family_panel(
    family: str,
    curves: Sequence[tuple[LeaderboardRow, list[tuple[float, float]]]],
    look: Look,
    chart: Chart,
) -> Panel:
    drawn = curves[:MOST_CURVES]
    # From the worst to the best, so that the best lies on top.
    for row, curve in reversed(drawn):
        style = f"{look.style} {row.status} {'paper' if row.origin is Origin.PAPER else ''}"
        best = row is drawn[0][0] and row.status is Status.COMPLETED
        chart.line(curve, style=f"{style} best" if best else style, hint=_hint(row))
        if len(curve) == 1 or best:
            chart.dot(curve[-1], style=style, hint=_hint(row), shape=look.shape)
    return Panel(family, chart.markup(), len(curves) - len(drawn))


def _curve(history: Sequence[EpochRecord]) -> list[tuple[float, float]]:
    return [(float(one.epoch), 100 * one.val_accuracy) for one in history if one.is_finite]


def _hint(row: LeaderboardRow) -> str:
    return (
        f"trial {row.trial_id}, {model(row)}, {row.origin}: {percent(row.val_accuracy)} %, "
        f"{row.status} after {row.epochs} of {row.epochs_allowed} epochs"
    )


def _label(family: str) -> str:
    return f"Validation accuracy per epoch of the trials of {family}"
