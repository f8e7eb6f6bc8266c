"""What holding workers came to: seconds, those of GPUs, and the cost as far as it is known."""

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
        gpu_seconds: The seconds of each worker times the GPUs that it had.
    """

    seconds: float = 0.0
    cost: float = 0.0
    unpriced: float = 0.0
    lost: int = 0
    gpu_seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            seconds=self.seconds + other.seconds,
            cost=self.cost + other.cost,
            unpriced=self.unpriced + other.unpriced,
            lost=self.lost + other.lost,
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
        )

    def __sub__(self, earlier: Spent) -> Spent:
        """What was added since an earlier moment."""
        return Spent(
            seconds=self.seconds - earlier.seconds,
            cost=self.cost - earlier.cost,
            unpriced=self.unpriced - earlier.unpriced,
            lost=self.lost - earlier.lost,
            gpu_seconds=self.gpu_seconds - earlier.gpu_seconds,
        )

    @property
    def whole_cost(self) -> float | None:
        """The cost; None where part of it is not known."""
        return self.cost if self.unpriced <= 0 else None

    @classmethod
    def at(cls, rate: float | None, seconds: float, gpus: float = 0.0) -> Spent:
        """Seconds of a worker.

        Args:
            rate: Its cost per second; None is without a price.
            seconds: How many.
            gpus: GPUs that it has.
        """
        has = gpus * seconds
        if rate is None:
            return cls(seconds=seconds, unpriced=seconds, gpu_seconds=has)
        return cls(seconds=seconds, cost=rate * seconds, gpu_seconds=has)
