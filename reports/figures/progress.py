"""Search progress: the best validation accuracy so far, over trials and over time."""

from collections.abc import Mapping, Sequence

from reports.figures.axis import Axis, count_axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.learning import Panel
from reports.figures.palette import Look
from reports.records import Stage, Status, TrialRecord, parse_time
from reports.run import Run
from reports.wording import model, percent

__all__ = ["progress_panels"]

# Screening comes before the search and is no part of its progress.
_TRIALS = frozenset(Stage).difference({Stage.SCREEN})


def progress_panels(run: Run, looks: Mapping[str, Look]) -> list[Panel]:
    """Draw every measured search trial at its end, and the best completed one so far."""
    trials = sorted(
        (one for one in run.records if one.stage is Stage.SEARCH and one.val_accuracy is not None),
        key=lambda record: parse_time(record.finished_at),
    )
    if not trials:
        return []
    begin = min(parse_time(one.started_at) for one in run.records if one.stage in _TRIALS)
    minutes = [(parse_time(one.finished_at) - begin).total_seconds() / 60 for one in trials]
    numbers = [float(number) for number in range(1, len(trials) + 1)]
    over_time = Axis(0.0, max(minutes[-1], 0.1), "minutes since the first trial began")
    return [
        Panel(
            "Over trials", _draw(trials, numbers, count_axis(numbers[-1], "trials ended"), looks)
        ),
        Panel("Over time", _draw(trials, minutes, over_time, looks)),
    ]


def _draw(
    trials: Sequence[TrialRecord], places: Sequence[float], x: Axis, looks: Mapping[str, Look]
) -> str:
    shares = [100 * (one.val_accuracy or 0.0) for one in trials]
    y = percent_axis(shares, "validation accuracy, %")
    chart = Chart(x, y, label=f"Best validation accuracy so far; across: {x.title}")
    best = _best_so_far(trials, places, shares)
    if best:
        chart.steps([*best, (x.high, best[-1][1])], style="frontier", hint="best so far")
    for record, place, share in zip(trials, places, shares, strict=True):
        look = looks[record.family]
        hint = f"trial {record.trial_id}, {model(record)}: {percent(share / 100)} %, "
        chart.dot(
            (place, share),
            style=f"{look.style} {record.status}",
            hint=hint + record.status,
            shape=look.shape,
        )
    return chart.markup()


def _best_so_far(
    trials: Sequence[TrialRecord], places: Sequence[float], shares: Sequence[float]
) -> list[tuple[float, float]]:
    best: list[tuple[float, float]] = []
    for record, place, share in zip(trials, places, shares, strict=True):
        if record.status is Status.COMPLETED and (not best or share > best[-1][1]):
            best.append((place, share))
    return best
