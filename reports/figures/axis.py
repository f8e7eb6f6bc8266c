"""One axis of a chart: its range, its title and where its ticks stand."""

from dataclasses import dataclass
from math import ceil, floor, log10

__all__ = ["Axis", "count_axis", "percent_axis"]


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes:
        low: The value at its beginning; `high`, larger, at its end.
        title: Quantity and unit.
        whole: Whether only whole numbers may carry a tick.
    """

    low: float
    high: float
    title: str
    whole: bool = False

    def place(self, value: float) -> float:
        """Give a value's place, 0 at the beginning and 1 at the end; outside values are held in."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, most: int = 6) -> list[float]:
        """Choose at most about `most` round values within the range."""
        step = _round_step((self.high - self.low) / most)
        if self.whole:
            step = max(1.0, ceil(step))
        first = ceil(self.low / step - 1e-9)
        last = floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def percent_axis(values: list[float], title: str) -> Axis:
    """An axis of per cent from the tens below the smallest value to 100."""
    low = 10.0 * floor(min(values, default=0.0) / 10)
    return Axis(min(low, 90.0), 100.0, title)


def count_axis(last: float, title: str) -> Axis:
    """An axis that counts from 0 to at least 1."""
    return Axis(0.0, max(1.0, last), title, whole=True)


def _round_step(rough: float) -> float:
    # 1, 2 or 5 times a power of ten: the smallest that is not below the rough step.
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
