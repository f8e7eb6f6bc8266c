"""Accuracy against what a network costs to run, with the front that no other network beats."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from reports.figures.axis import Axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.figure import Figure
from reports.figures.legend import Entry
from reports.figures.palette import Look
from reports.latency import measured_on
from reports.leaderboard import LeaderboardRow
from reports.pareto import front
from reports.ranking import Ranking
from reports.wording import model, percent, printable

__all__ = ["FEWEST", "LogAxis", "trade_off_figure"]

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


_LATENCY = "latency_ms"
_COSTS = (
    _Cost(
        _LATENCY,
        "milliseconds for one image",
        lambda row: row.latency_ms,
        "the time for one image, measured alone",
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
    """Draw the ranked rows by cost and validation accuracy; None where there are too few.

    Across stands the first of latency, multiply-adds and weights that is known for `FEWEST` rows.
    Drawn are the rows that are ranked, so none that breaks a constraint; times of one device.
    """
    ranked = [row for row in rows if Ranking().takes_part(row)]
    for cost in _COSTS:
        points = _points(ranked, cost)
        if len(points) >= FEWEST:
            return _figure(points, cost, looks, len(ranked) - len(points))
    return None


def _points(rows: Sequence[LeaderboardRow], cost: _Cost) -> list[tuple[LeaderboardRow, float]]:
    """Rows whose cost is known; times are of the one device that most of them were measured on."""
    points = [(row, value) for row in rows if (value := cost.of(row)) is not None and value > 0]
    if cost.column != _LATENCY:
        return points
    devices = Counter(measured_on(row) for row, _ in points if measured_on(row))
    if not devices:
        return []
    (device, _), *_ = devices.most_common(1)
    return [(row, value) for row, value in points if measured_on(row) == device]


def _figure(
    points: Sequence[tuple[LeaderboardRow, float]],
    cost: _Cost,
    looks: Mapping[str, Look],
    unknown: int,
) -> Figure:
    places = [(value, 100 * (row.val_accuracy or 0.0)) for row, value in points]
    on_front = front([(value, -share) for value, share in places])
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
        caption=_caption(cost, unknown, points[0][0]),
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


def _caption(cost: _Cost, unknown: int, first: LeaderboardRow) -> str:
    is_time = cost.column == _LATENCY
    device = f" on {printable(measured_on(first) or '')}" if is_time else ""
    told = (
        "what more accuracy costs when the network is used. Across stands "
        f"{cost.told}{device}; up stands "
        "validation accuracy, which all ranked rows have. The line is the Pareto front: no other "
        "network is both as accurate and cheaper. Faint marks are beaten by one on the line."
    )
    if not unknown:
        return told
    rows = "1 ranked row lacks" if unknown == 1 else f"{unknown:,} ranked rows lack"
    return f"{told} {rows} the figure{' on that device' if is_time else ''}."
