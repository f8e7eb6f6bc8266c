"""Which of the rows that cannot be told from the winner asks for the least."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.latency import measured_on
from reports.leaderboard import LeaderboardRow
from reports.wording import count

__all__ = ["Cheapest", "cheapest_of"]

_LATENCY = "ms for one image"
# What one image costs says most; weights that are used once or a hundred times count the same.
_FIGURES: Mapping[str, Callable[[LeaderboardRow], float | None]] = {
    "multiply-adds for one image": lambda row: row.multiply_adds,
    _LATENCY: lambda row: row.latency_ms,
    "weights": lambda row: row.parameters,
}


@dataclass(frozen=True)
class Cheapest:
    """The cheapest row of tie group 1.

    Attributes:
        row: The row.
        value: Its figure; `figure` names it with its unit.
    """

    row: LeaderboardRow
    value: float
    figure: str

    def __str__(self) -> str:
        """The figure in words, such as 1.2M multiply-adds for one image."""
        told = count(int(self.value)) if self.figure != _LATENCY else f"{self.value:.3g}"
        where = f" on {measured_on(self.row)}" if self.figure == _LATENCY else ""
        return f"{told} {self.figure}{where}"


def cheapest_of(rows: Sequence[LeaderboardRow]) -> Cheapest | None:
    """Find the cheapest row of tie group 1, of equal ones the best ranked.

    Args:
        rows: The leaderboard, in order.

    Returns:
        The row with the fewest multiply-adds where all of the group have them, else the shortest
        latency where all were measured on one device, else the fewest weights; None where none of
        these is known of all, or the group has one row.
    """
    group = [row for row in rows if row.tie_group == 1]
    if len(group) < 2:
        return None
    devices = {measured_on(row) for row in group}
    for figure, read in _FIGURES.items():
        if figure == _LATENCY and (len(devices) > 1 or None in devices):
            continue
        known = [(value, row) for row in group if (value := read(row)) is not None]
        if len(known) == len(group):
            value, row = min(known, key=lambda pair: pair[0])
            return Cheapest(row, value, figure)
    return None
