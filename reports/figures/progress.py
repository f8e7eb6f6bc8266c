"""Search progress: the best validation accuracy so far, over trials, time and hours of workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from reports.figures.axis import Axis, count_axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.figure import Figure
from reports.figures.legend import Entry
from reports.figures.palette import Look
from reports.figures.thinning import evenly
from reports.page import Page
from reports.records import Stage, Status, TrialRecord, parse_time
from reports.run import Run
from reports.wording import model, percent

__all__ = ["MOST_MARKS", "progress_figures"]

MOST_MARKS = 600
"""A figure has at most about this many marks."""

_FEW = 150  # marks that may be large
_LONG = 180.0  # minutes, from which hours are read more easily
# Screening comes before the search and is no part of its progress.
_TRIALS = frozenset(Stage).difference({Stage.SCREEN})
_CAPTION = (
    "each mark is a trial at the moment it ended; faint marks were stopped early. The line is the "
    "best completed trial so far that keeps to the constraints: where it has been flat for long, "
    "more of the same search would bring little."
)


@dataclass(frozen=True)
class _Way:
    """One way to measure how far a search was, with a place for each trial."""

    key: str
    title: str
    column: str
    axis: Axis
    places: Sequence[float]


def progress_figures(page: Page) -> list[Figure]:
    """Draw measured search trials at their ends, and the best completed one so far."""
    trials = sorted(
        (one for one in page.run.records if _is_measured(one)),
        key=lambda record: parse_time(record.finished_at),
    )
    if not trials:
        return []
    drawn, best, running = _drawn(trials), _improvements(trials), _running_best(trials)
    caption = _CAPTION + _left_out(len(trials) - len(drawn))
    return [
        Figure(
            key=way.key,
            title=way.title,
            caption=caption,
            chart=_draw(trials, drawn, best, way, page.looks),
            numbers={
                "trial_id": [trials[number].trial_id for number in drawn],
                "family": [trials[number].family for number in drawn],
                "status": [str(trials[number].status) for number in drawn],
                way.column: [way.places[number] for number in drawn],
                "val_accuracy": [trials[number].val_accuracy for number in drawn],
                "best_so_far": [running[number] for number in drawn],
            },
        )
        for way in _ways(page.run, trials)
    ]


def _is_measured(record: TrialRecord) -> bool:
    return record.stage is Stage.SEARCH and record.val_accuracy is not None


def _ways(run: Run, trials: Sequence[TrialRecord]) -> list[_Way]:
    numbers = [float(number) for number in range(1, len(trials) + 1)]
    begin = min(parse_time(one.started_at) for one in run.records if one.stage in _TRIALS)
    minutes = [(parse_time(one.finished_at) - begin).total_seconds() / 60 for one in trials]
    unit = "hours" if minutes[-1] > _LONG else "minutes"
    times = [one / 60 for one in minutes] if unit == "hours" else minutes
    title, axis_title, column, spent = _spent(trials)
    return [
        _Way(
            "progress-trials",
            "Best so far over trials",
            "trials_ended",
            count_axis(numbers[-1], "trials ended"),
            numbers,
        ),
        _Way(
            "progress-time",
            "Best so far over time",
            unit,
            Axis(0.0, max(times[-1], 0.1), f"{unit} since the first trial began"),
            times,
        ),
        _Way("progress-hours", title, column, Axis(0.0, max(spent[-1], 1e-3), axis_title), spent),
    ]


def _spent(trials: Sequence[TrialRecord]) -> tuple[str, str, str, list[float]]:
    """What the trials so far came to, by the dearest measure that the records have."""
    if any(one.gpu_hours for one in trials):
        hours = accumulate(one.gpu_hours or 0.0 for one in trials)
        return "Best so far over GPU-hours", "GPU-hours held by trials", "gpu_hours", list(hours)
    if any(one.held_seconds for one in trials):
        hours = accumulate((one.held_seconds or 0.0) / 3600 for one in trials)
        column = "worker_hours"
        return (
            "Best so far over worker-hours",
            "worker-hours held by trials",
            column,
            list(hours),
        )
    hours = accumulate(one.seconds / 3600 for one in trials)
    return "Best so far over training time", "hours of training", "training_hours", list(hours)


def _counts(record: TrialRecord) -> bool:
    """Whether a trial may be the best: it completed and breaks no constraint."""
    return record.status is Status.COMPLETED and record.feasible is not False


def _running_best(trials: Sequence[TrialRecord]) -> list[float | None]:
    """The best validation accuracy when each trial had ended; None before the first that counts."""
    found: list[float | None] = []
    best: float | None = None
    for one in trials:
        if _counts(one) and one.val_accuracy is not None:
            best = max(best or 0.0, one.val_accuracy)
        found.append(best)
    return found


def _improvements(trials: Sequence[TrialRecord]) -> frozenset[int]:
    """The trials that were the best completed one when they ended."""
    found, best = set(), -1.0
    for number, record in enumerate(trials):
        share = record.val_accuracy or 0.0
        if _counts(record) and share > best:
            found.add(number)
            best = share
    return frozenset(found)


def _drawn(trials: Sequence[TrialRecord]) -> list[int]:
    """The best of them, and the others evenly spread over the search."""
    if len(trials) <= MOST_MARKS:
        return list(range(len(trials)))
    ranked = sorted(range(len(trials)), key=lambda number: -(trials[number].val_accuracy or 0.0))
    best = {*ranked[: MOST_MARKS // 10], *_improvements(trials)}
    others = [number for number in range(len(trials)) if number not in best]
    return sorted({*best, *evenly(others, MOST_MARKS - len(best))})


def _left_out(trials: int) -> str:
    if not trials:
        return ""
    return (
        f" The line is made of all trials; marks are drawn for the best and for an even choice of "
        f"the others, {trials:,} are not drawn."
    )


def _draw(
    trials: Sequence[TrialRecord],
    drawn: Sequence[int],
    improvements: frozenset[int],
    way: _Way,
    looks: Mapping[str, Look],
) -> str:
    shares = [100 * (one.val_accuracy or 0.0) for one in trials]
    y = percent_axis([shares[number] for number in drawn], "validation accuracy, %")
    present = {one.family for one in trials}
    legend = [
        Entry(look.style, look.shape, name) for name, look in looks.items() if name in present
    ]
    chart = Chart(
        way.axis,
        y,
        label=f"Best validation accuracy so far; across: {way.axis.title}",
        legend=legend,
    )
    for number in drawn:
        record, look = trials[number], looks[trials[number].family]
        chart.dot(
            (way.places[number], shares[number]),
            style=f"{look.style} {record.status}",
            hint=f"trial {record.trial_id}, {model(record)}: {percent(record.val_accuracy)} %, "
            f"{record.status}",
            shape=look.shape,
            size=1.0 if len(drawn) <= _FEW else 0.6,
        )
    best = [(way.places[number], shares[number]) for number in sorted(improvements)]
    if best:
        chart.steps([*best, (way.axis.high, best[-1][1])], style="frontier", hint="best so far")
    return chart.markup()
