"""A trial of another run, as far as a search can learn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import spaces
from reports import Status
from search.sampling import Ending

__all__ = ["KnownTrial"]


@dataclass(frozen=True, kw_only=True)
class KnownTrial:
    """A finished trial of an earlier run with the same space and the same objectives.

    Attributes:
        configuration: The flat mapping of active hyperparameters.
        status: Completed, pruned or failed.
        values: Of a completed one a number per objective, in the order of this search's; of a
            pruned one its last score alone; else empty.
        violations: One number per constraint, above 0 where it is violated; may be empty.
        step: Epochs after which a pruned one was stopped.
        source: Where it comes from, such as runs/first/t0003; a source is learned from once.
    """

    configuration: Mapping[str, spaces.Value]
    status: Status
    source: str
    values: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    step: int = 0

    @property
    def ending(self) -> Ending:
        """How it ended."""
        return Ending(
            status=self.status, values=self.values, violations=self.violations, step=self.step
        )
