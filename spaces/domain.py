"""What one declared hyperparameter may be, and how Optuna is asked for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, cast

from keras_tuner.engine import hyperparameters as kinds

from neurosweep.errors import SpaceError
from spaces.task import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, CategoricalChoiceType

__all__ = ["Asked", "Declared", "Domain", "Kind", "bridge_key", "condition_in_words", "domain_of"]

Declared = Any
"""A hyperparameter as KerasTuner declares it; the library has no types."""

_MOST_INDEXED = 10_000  # values of a stepped range that are listed one by one


class Asked(Protocol):
    """What is asked for values: an Optuna trial, or whatever answers as one does."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number, both ends included."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A real number, both ends included."""

    def suggest_categorical(
        self, name: str, choices: Sequence[CategoricalChoiceType]
    ) -> CategoricalChoiceType:
        """One of the choices."""

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps a value beside the answers."""


class Kind(Enum):
    """How a hyperparameter's values are drawn."""

    FIXED = "fixed"
    SWITCH = "switch"
    CHOICE = "choice"
    ORDERED = "ordered"  # asked for as an index, so that neighbours count as near
    WHOLE = "whole number"
    REAL = "real number"


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The values of one hyperparameter.

    Attributes:
        values: All of them, for kinds that list their values; empty for numbers in a range.
        low, high: Ends of a range, both included.
        step: Distance of two whole numbers of a range; None for any number.
        log: The range is on a logarithmic scale.
    """

    kind: Kind
    values: tuple[Value, ...] = ()
    low: float = 0
    high: float = 0
    step: int | None = None
    log: bool = False

    def __contains__(self, value: object) -> bool:
        """Whether a configuration may hold this value; True is not taken for 1."""
        if self.values:
            return any(_same(value, known) for known in self.values)
        numbers: tuple[type, ...] = (int,) if self.kind is Kind.WHOLE else (int, float)
        if isinstance(value, bool) or not isinstance(value, numbers):
            return False
        number = cast(float, value)
        if not self.low <= number <= self.high:
            return False
        return self.step is None or (number - self.low) % self.step == 0

    def ask(self, trial: Asked, key: str) -> Value:
        """Have a trial choose the value."""
        if self.kind is Kind.FIXED:
            return self.values[0]
        if self.kind is Kind.ORDERED:
            return self.values[trial.suggest_int(key, 0, len(self.values) - 1)]
        if self.values:
            # Optuna's own type allows None, which is none of our values.
            return cast(Value, trial.suggest_categorical(key, self.values))
        if self.kind is Kind.WHOLE:
            step = 1 if self.step is None else self.step
            return trial.suggest_int(key, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(key, self.low, self.high, log=self.log)

    def encode(self, value: Value) -> Value:
        """The value as `ask` would have got it from Optuna."""
        if self.kind is Kind.REAL:
            return float(value)
        if self.kind is not Kind.ORDERED:
            return value
        return next(i for i, known in enumerate(self.values) if _same(value, known))

    def distribution(self) -> BaseDistribution | None:
        """What Optuna draws from when it is asked; None if nothing is left to draw."""
        # Importing the module costs a second that a reader of a space need not wait for.
        from optuna import distributions

        if self.kind is Kind.FIXED:
            return None
        if self.kind is Kind.ORDERED:
            return distributions.IntDistribution(0, len(self.values) - 1)
        if self.values:
            return distributions.CategoricalDistribution(self.values)
        if self.kind is Kind.WHOLE:
            step = 1 if self.step is None else self.step
            return distributions.IntDistribution(int(self.low), int(self.high), self.log, step)
        return distributions.FloatDistribution(self.low, self.high, self.log)

    def in_words(self) -> str:
        """The values as a reader sees them."""
        if self.values:
            return ", ".join(map(str, self.values))
        scale = ", logarithmic" if self.log else ""
        step = f" in steps of {self.step}" if self.step not in (None, 1) else ""
        return f"{self.low} to {self.high}{step}{scale}"


def domain_of(hyperparameter: Declared) -> Domain:
    """The domain of a declared KerasTuner hyperparameter.

    Raises:
        SpaceError: It is of a kind that Optuna cannot be asked for.
    """
    if isinstance(hyperparameter, kinds.Fixed):
        return Domain(kind=Kind.FIXED, values=(hyperparameter.value,))
    if isinstance(hyperparameter, kinds.Boolean):
        return Domain(kind=Kind.SWITCH, values=(False, True))
    if isinstance(hyperparameter, kinds.Choice):
        return _choice(hyperparameter)
    if isinstance(hyperparameter, kinds.Int | kinds.Float):
        return _numbers(hyperparameter)
    raise SpaceError(
        "A space is made of KerasTuner's Int, Float, Choice, Boolean and Fixed; received "
        f"{type(hyperparameter).__name__} for {hyperparameter.name!r}. Declare it as one of these."
    )


def bridge_key(hyperparameter: Declared) -> str:
    """The name Optuna knows it by: the same name may stand under several conditions.

    Example: `training/learning_rate if training/optimizer=sgd`.
    """
    conditions = " and ".join(
        f"{condition.name}={'|'.join(map(str, condition.values))}"
        for condition in hyperparameter.conditions
    )
    return f"{hyperparameter.name} if {conditions}" if conditions else str(hyperparameter.name)


def condition_in_words(hyperparameter: Declared) -> str:
    """When the hyperparameter exists, for tables; "" if always."""
    return " and ".join(
        f"{condition.name} = {' or '.join(map(str, condition.values))}"
        for condition in hyperparameter.conditions
    )


def _choice(hyperparameter: Declared) -> Domain:
    values = tuple(hyperparameter.values)
    if len(set(values)) != len(values):
        raise SpaceError(
            f"A choice names each value once, received {list(values)} for "
            f"{hyperparameter.name!r}. Leave the doubles out."
        )
    if len(values) == 1:
        return Domain(kind=Kind.FIXED, values=values)
    ascending = hyperparameter.ordered and list(values) == sorted(values)
    return Domain(kind=Kind.ORDERED if ascending else Kind.CHOICE, values=values)


def _numbers(hyperparameter: Declared) -> Domain:
    if hyperparameter.sampling == "reverse_log":
        raise SpaceError(
            "Optuna has no reversed logarithmic scale, received sampling='reverse_log' for "
            f"{hyperparameter.name!r}. Declare the distance from the upper end on a 'log' scale."
        )
    whole = isinstance(hyperparameter, kinds.Int)
    low, high, step = hyperparameter.min_value, hyperparameter.max_value, hyperparameter.step
    if not all(math.isfinite(end) for end in (low, high)):
        raise SpaceError(
            f"A range has finite ends, received {low} to {high} for {hyperparameter.name!r}. "
            "Declare a smallest and a largest value."
        )
    log = hyperparameter.sampling == "log"
    if low == high:
        return Domain(kind=Kind.FIXED, values=(low,))
    if step is not None and (log or not whole or (high - low) % step):
        # KerasTuner multiplies by the step on a log scale, and Optuna warns of a range that its
        # step does not divide (for real numbers, even by rounding): they become lists of values.
        return _listed(hyperparameter, whole=whole)
    kind = Kind.WHOLE if whole else Kind.REAL
    return Domain(kind=kind, low=low, high=high, step=step, log=log)


def _listed(hyperparameter: Declared, *, whole: bool) -> Domain:
    low, high, step = hyperparameter.min_value, hyperparameter.max_value, hyperparameter.step
    values = tuple(
        int(value) if whole else float(value)
        for value in _series(low, high, step, multiplies=hyperparameter.sampling == "log")
    )
    if len(values) > _MOST_INDEXED:
        raise SpaceError(
            f"A stepped range has at most {_MOST_INDEXED} values, received {low} to {high} in "
            f"steps of {step} for {hyperparameter.name!r}. Widen the step or leave it out."
        )
    return Domain(kind=Kind.FIXED if len(values) == 1 else Kind.ORDERED, values=values)


def _series(low: float, high: float, step: float, *, multiplies: bool) -> Iterator[Decimal]:
    """The values from low to high, in decimals so that 0.1 + 0.2 is 0.3; one too many at most."""
    value, end, by = (Decimal(str(number)) for number in (low, high, step))
    for _ in range(_MOST_INDEXED + 1):
        if value > end:
            return
        yield value
        value = value * by if multiplies else value + by


def _same(value: object, known: Value) -> bool:
    return value == known and isinstance(value, bool) is isinstance(known, bool)
