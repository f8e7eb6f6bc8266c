"""Accuracy against what a network costs to run, with the front that no other network beats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from reports.figures.axis import Axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.figure import Figure
from reports.figures.legend import Entry
from reports.figures.palette import Look
from reports.leaderboard import LeaderboardRow
from reports.records import Stage, Status
from reports.wording import model, percent

__all__ = ["FEWEST", "LogAxis", "front", "trade_off_figure"]

FEWEST = 3
"""With fewer networks there is nothing to trade."""


@dataclass(frozen=True)
class LogAxis(Axis):
    """A logarithmic axis; both ends are above 0."""

    def place(self, value: float) -> float:
        """Give a value's place, 0 at the beginning and 1 at the end; outside values are held in."""
        held = min(self.high, max(self.low, value))
        return log10(held / self.low) / log10(self.high / self.low)

    def ticks(self, most: int = 6) -> list[float]:
        """Powers of ten within the range, with 2 and 5 times them where there are few."""
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        factors = (1, 2, 5) if len(powers) <= most // 2 else (1,)
        found = [factor * 10.0**power for power in powers for factor in factors]
        return [
            value for value in found if self.low <= value * 1.0001 and value <= self.high * 1.0001
        ]


@dataclass(frozen=True)
class _Cost:
    """What may stand across."""

    column: str
    title: str
    of: Callable[[LeaderboardRow], float | None]
    told: str


_COSTS = (
    _Cost(
        "latency_ms",
        "milliseconds for one image",
        lambda row: row.latency_ms,
        "the time for one image, measured alone on a worker",
    ),
    _Cost(
        "multiply_adds_millions",
        "multiply-adds for one image, millions",
        lambda row: None if row.multiply_adds is None else row.multiply_adds / 1e6,
        "the multiplications with addition for one image; the time was measured for too few",
    ),
    _Cost(
        "parameters_millions",
        "weights, millions",
        lambda row: None if row.parameters is None else row.parameters / 1e6,
        "the number of weights; neither time nor multiply-adds were measured for enough",
    ),
)


def trade_off_figure(rows: Sequence[LeaderboardRow], looks: Mapping[str, Look]) -> Figure | None:
    """Draw the completed trials by cost and validation accuracy; None where there are too few.

    Across stands the first of latency, multiply-adds and weights that is known for `FEWEST` rows.
    """
    trained = [row for row in rows if _takes_part(row)]
    for cost in _COSTS:
        points = [
            (row, value) for row in trained if (value := cost.of(row)) is not None and value > 0
        ]
        if len(points) >= FEWEST:
            return _figure(points, cost, looks, len(trained) - len(points))
    return None


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points no other beats: none costs less and scores as well, or scores more for as much.

    Args:
        points: Cost and score of each.

    Returns:
        Their places, by rising cost; equal points all belong to it.
    """
    order = sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1]))
    kept: list[int] = []
    for at in order:
        if not kept or points[at][1] > points[kept[-1]][1] or points[at] == points[kept[-1]]:
            kept.append(at)
    return kept


def _takes_part(row: LeaderboardRow) -> bool:
    is_trained = row.stage in (Stage.SEARCH, Stage.FINE_TUNE) and row.status is Status.COMPLETED
    return is_trained and row.val_accuracy is not None


def _figure(
    points: Sequence[tuple[LeaderboardRow, float]],
    cost: _Cost,
    looks: Mapping[str, Look],
    unknown: int,
) -> Figure:
    places = [(value, 100 * (row.val_accuracy or 0.0)) for row, value in points]
    on_front = front(places)
    families = {row.family for row, _ in points}
    legend = [
        Entry(look.style, look.shape, name) for name, look in looks.items() if name in families
    ]
    chart = Chart(
        _axis([value for value, _ in places], cost.title),
        percent_axis([share for _, share in places], "validation accuracy, %"),
        label=f"Validation accuracy against {cost.title} of {len(points)} networks",
        legend=legend,
    )
    chart.steps([places[at] for at in on_front], style="frontier", hint="Pareto front")
    for at, (row, value) in reversed(list(enumerate(points))):
        look = looks[row.family]
        style = f"{look.style} {'front' if at in on_front else 'pruned'}"
        chart.dot(places[at], style=style, hint=_hint(row, value, cost), shape=look.shape)
    return Figure(
        key="trade-off",
        title="Accuracy and cost",
        caption=_caption(cost, unknown),
        chart=chart.markup(),
        numbers={
            "trial_id": [row.trial_id for row, _ in points],
            "model": [model(row) for row, _ in points],
            cost.column: [value for _, value in points],
            "val_accuracy": [row.val_accuracy for row, _ in points],
            "test_accuracy": [row.test_accuracy for row, _ in points],
            "test_accuracy_clean": [row.test_accuracy_clean for row, _ in points],
            "pareto_front": [at in on_front for at in range(len(points))],
        },
    )


def _axis(values: Sequence[float], title: str) -> Axis:
    low, high = min(values), max(values)
    if high > 5 * low:
        return LogAxis(low / 1.25, high * 1.25, f"{title} (logarithmic)")
    return Axis(0.0, 1.1 * high, title)


def _hint(row: LeaderboardRow, value: float, cost: _Cost) -> str:
    tested = "" if row.test_accuracy is None else f", test {percent(row.test_accuracy)} %"
    return (
        f"trial {row.trial_id}, {model(row)}: {value:.3g} {cost.title}, "
        f"validation {percent(row.val_accuracy)} %{tested}"
    )


def _caption(cost: _Cost, unknown: int) -> str:
    told = (
        f"what more accuracy costs when the network is used. Across stands {cost.told}; up stands "
        "validation accuracy, which all trials have. The line is the Pareto front: no other "
        "network is both as accurate and cheaper. Faint marks are beaten by one on the line."
    )
    return f"{told} {unknown:,} completed trials lack the figure." if unknown else told
