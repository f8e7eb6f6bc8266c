"""What holding workers came to: seconds, and their cost as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Spent"]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Worker time and its cost; sums of them add up.

    Attributes:
        seconds: For how long workers were held, all of them together.
        cost: Of those seconds that have a price.
        unpriced: Those of the seconds that have none.
        lost: Workers that were lost and replaced.
    """

    seconds: float = 0.0
    cost: float = 0.0
    unpriced: float = 0.0
    lost: int = 0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            seconds=self.seconds + other.seconds,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            lost=self.lost + other.lost,
        )

    def __sub__(self, earlier: Spent) -> Spent:
        """What was added since an earlier moment."""
        return Spent(
            seconds=self.seconds - earlier.seconds,
            cost=self.cost - earlier.cost,
            unpriced=self.unpriced - earlier.unpriced,
            lost=self.lost - earlier.lost,
        )

    @property
    def whole_cost(self) -> float | None:
        """The cost; None where part of it is not known."""
        return self.cost if self.unpriced <= 0 else None

    @classmethod
    def at(cls, rate: float | None, seconds: float) -> Spent:
        """Seconds at a cost per second; None is without a price."""
        if rate is None:
            return cls(seconds=seconds, unpriced=seconds)
        return cls(seconds=seconds, cost=rate * seconds)
