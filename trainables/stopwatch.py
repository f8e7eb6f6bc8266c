"""How much longer the first training step took than the others: what tracing it cost."""

from __future__ import annotations

import time
from statistics import median

__all__ = ["StepWatch"]


class StepWatch:
    """Times the steps of a first epoch. TensorFlow traces, and plans, a step when it first runs."""

    def __init__(self) -> None:
        self._began = 0.0
        self._steps: list[float] = []

    def begin(self) -> None:
        """A step begins."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """The step has ended."""
        self._steps.append(time.perf_counter() - self._began)

    def tracing_seconds(self) -> float:
        """Seconds of the first step beyond the median of the others; all of it if it was alone."""
        first, *others = self._steps
        return max(0.0, first - median(others)) if others else first
