"""What a search is after: one objective or several, and what a model must keep to.

Pure numbers: figures of a trial come in by name, values and violations for Optuna go out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FIGURES", "Aim", "Constraint", "Figure"]

Figure = Literal["val_accuracy", "val_loss", "missed_positives", "latency_ms", "parameters"]
"""What may be aimed at; `missed_positives` is counted on the validation part."""

FIGURES: tuple[Figure, ...] = get_args(Figure)

_MORE_IS_BETTER = frozenset({"val_accuracy"})

_CONSTRAINT = re.compile(r"\s*(?P<figure>\w+)\s*(?P<sign><=|>=)\s*(?P<bound>\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """What a figure must keep to, such as `parameters <= 5e6`.

    Attributes:
        figure: The figure.
        at_most: Whether the bound is an upper one; both kinds include the bound.
        bound: The bound, finite.
    """

    figure: Figure
    at_most: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Reads `FIGURE <= NUMBER` or `FIGURE >= NUMBER`.

        Raises:
            ValueError: if it is neither, with the figures that there are.
        """
        found = _CONSTRAINT.fullmatch(text)
        known = {str(name): name for name in FIGURES}
        if found is None or found["figure"] not in known:
            raise ValueError(
                f"a constraint is FIGURE <= NUMBER or FIGURE >= NUMBER, such as parameters <= 5e6, "
                f"with a figure of {', '.join(FIGURES)}; received {text!r}"
            )
        try:
            bound = float(found["bound"])
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise ValueError(f"a constraint's bound is a finite number; received {text!r}")
        return cls(known[found["figure"]], found["sign"] == "<=", bound)

    def violation(self, value: float) -> float:
        """By how much a value breaks it, in units of the bound; 0 or less where it holds."""
        beyond = value - self.bound if self.at_most else self.bound - value
        return beyond / (abs(self.bound) or 1.0)

    def __str__(self) -> str:
        return f"{self.figure} {'<=' if self.at_most else '>='} {self.bound:,.10g}"


@dataclass(frozen=True)
class Aim:
    """The objectives in their order, and the constraints.

    Attributes:
        objectives: At least one, each once.
        constraints: What a model must keep to; none for most searches.
    """

    objectives: tuple[Figure, ...] = ("val_accuracy",)
    constraints: tuple[Constraint, ...] = ()

    @property
    def directions(self) -> tuple[str, ...]:
        """`maximize` or `minimize` for each objective, as Optuna names them."""
        return tuple(_direction(name) for name in self.objectives)

    @property
    def is_known_per_epoch(self) -> bool:
        """Whether each epoch tells how a trial stands: then it can be stopped early."""
        return self.objectives in (("val_accuracy",), ("val_loss",))

    @property
    def epoch_figure(self) -> Literal["val_accuracy", "val_loss"]:
        """The figure by which a trial's best epoch is chosen and rows are ranked.

        The first objective that is known after each epoch; validation accuracy if there is none.
        """
        for name in self.objectives:
            if name == "val_accuracy" or name == "val_loss":
                return name
        return "val_accuracy"

    @property
    def needs(self) -> frozenset[Figure]:
        """The figures that have to be measured."""
        return frozenset((*self.objectives, *(one.figure for one in self.constraints)))

    @property
    def most_parameters(self) -> float | None:
        """The upper bound of the parameters, known before a model is trained; None without."""
        bounds = [c.bound for c in self.constraints if c.figure == "parameters" and c.at_most]
        return min(bounds, default=None)

    def values(self, figures: Mapping[str, float | None]) -> list[float] | None:
        """The objectives of a trial, or None if one of them was not measured."""
        values = [figures.get(name) for name in self.objectives]
        known = [float(value) for value in values if value is not None]
        return known if len(known) == len(values) else None

    def violations(self, figures: Mapping[str, float | None]) -> list[float]:
        """One figure per constraint: above 0 where it is broken.

        What was not measured counts as held: a trial that was stopped early has no latency.
        """
        return [
            0.0 if (value := figures.get(one.figure)) is None else one.violation(value)
            for one in self.constraints
        ]

    def broken(self, figures: Mapping[str, float | None]) -> list[str]:
        """The broken constraints in words, each with the value that breaks it."""
        pairs = zip(self.constraints, self.violations(figures), strict=True)
        return [f"{figures[one.figure]:,.10g} breaks {one}" for one, by in pairs if by > 0]

    def epoch_score(self, val_accuracy: float, val_loss: float) -> float:
        """An epoch's score for comparing trials: higher is better."""
        return val_accuracy if self.epoch_figure == "val_accuracy" else -val_loss

    def figure_of_score(self, score: float) -> float:
        """The figure that a score stands for: an accuracy, or a loss."""
        return score if self.epoch_figure == "val_accuracy" else -score


def _direction(name: str) -> str:
    return "maximize" if name in _MORE_IS_BETTER else "minimize"
