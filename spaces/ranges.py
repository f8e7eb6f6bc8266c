"""Ranges of hyperparameters, how an experiment narrows them, and how they are declared.

A range has a default part that is searched, and limits that a narrowing may reach: the default
part is what we think is worth a search, the limits are what can be built at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.task import Value

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["Choices", "Narrowing", "Range", "Real", "Whole", "declare_range", "flag", "narrow"]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Whole numbers from `low` to `high` (both included) in steps of `step`."""

    low: int
    high: int
    default: int
    limits: tuple[int, int]
    step: int = 1

    @property
    def values(self) -> tuple[int, ...]:
        """All numbers of the range, ascending."""
        return tuple(range(self.low, self.high + 1, self.step))


@dataclass(frozen=True, kw_only=True)
class Real:
    """Real numbers from `low` to `high` (both included), on a logarithmic scale if `log`."""

    low: float
    high: float
    default: float
    limits: tuple[float, float]
    log: bool = False
    step: float | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One of `values`, all of one type.

    Attributes:
        limits: For numbers, how far (both included) a narrowing may go beyond `values`;
            None allows the values alone.
    """

    values: tuple[Value, ...]
    default: Value
    limits: tuple[float, float] | None = None


Range = Whole | Real | Choices

Narrowing = Any
"""A scalar, list or mapping as YAML gives it, checked before it is used."""


def flag(*, default: bool) -> Choices:
    """The range of a switch."""
    return Choices(values=(False, True), default=default)


def declare_range(hp: keras_tuner.HyperParameters, name: str, allowed: Range) -> None:
    """Declare one hyperparameter in the scope that `hp` is in; a single value becomes fixed."""
    if isinstance(allowed, Choices):
        _declare_choices(hp, name, allowed)
    elif allowed.low == allowed.high:
        hp.Fixed(name, allowed.low)
    elif isinstance(allowed, Whole):
        hp.Int(name, allowed.low, allowed.high, step=allowed.step, default=allowed.default)
    else:
        hp.Float(
            name,
            allowed.low,
            allowed.high,
            step=allowed.step,
            sampling="log" if allowed.log else "linear",
            default=allowed.default,
        )


def _declare_choices(hp: keras_tuner.HyperParameters, name: str, allowed: Choices) -> None:
    if len(allowed.values) == 1:
        hp.Fixed(name, allowed.values[0])
    elif isinstance(allowed.values[0], bool):
        # KerasTuner's Choice turns True into 1, so a switch must be its Boolean.
        hp.Boolean(name, default=bool(allowed.default))
    else:
        hp.Choice(name, list(allowed.values), default=allowed.default)


def narrow(allowed: Range, narrowing: Narrowing, name: str) -> Range:
    """Narrow a range as an experiment file says.

    Args:
        allowed: The default range.
        narrowing: A scalar fixes the value, a list gives choices, {min, max[, step]} a range,
            and the word "search" leaves the default range.
        name: Name of the hyperparameter, for messages.

    Raises:
        SpaceError: The narrowing has a wrong type, lies outside the limits or is upside down.

    Example:
        >>> narrow(Whole(low=3, high=6, default=5, limits=(2, 6)), {"max": 4}, "blocks").values
        (3, 4)
    """
    if narrowing == "search":
        return allowed
    if isinstance(narrowing, Mapping):
        return _narrow_to_range(allowed, narrowing, name)
    if isinstance(narrowing, Sequence) and not isinstance(narrowing, str):
        return _narrow_to_choices(allowed, narrowing, name)
    return _choices_of(allowed, (_checked(allowed, narrowing, name),))


def _narrow_to_choices(allowed: Range, values: Sequence[Any], name: str) -> Choices:
    checked = [_checked(allowed, value, name) for value in values]
    if not checked or len(set(checked)) != len(checked):
        raise SpaceError(
            f"A list of choices names at least one value and each value once, received "
            f"{list(values)} for {name}. Correct the list, or leave {name} out."
        )
    if _is_number(checked[0]):
        checked.sort()
    return _choices_of(allowed, tuple(checked))


def _choices_of(allowed: Range, values: tuple[Value, ...]) -> Choices:
    default = allowed.default if allowed.default in values else _nearest(values, allowed.default)
    return Choices(values=values, default=default)


def _nearest(values: tuple[Value, ...], wanted: Value) -> Value:
    if not _is_number(wanted):
        return values[0]
    return min(values, key=lambda value: abs(float(value) - float(wanted)))


def _narrow_to_range(allowed: Range, narrowing: Mapping[str, Any], name: str) -> Range:
    unknown = set(narrowing) - {"min", "max", "step"}
    if unknown or not narrowing:
        raise SpaceError(
            f"A range is written with the keys min, max and step, received {dict(narrowing)} "
            f"for {name}. Write for example {{min: 1, max: 3}}."
        )
    if isinstance(allowed, Choices):
        return _narrow_choices_to_range(allowed, narrowing, name)
    low = _checked(allowed, narrowing.get("min", allowed.low), name)
    high = _checked(allowed, narrowing.get("max", allowed.high), name)
    _check_order(low, high, name)
    step = _checked_step(narrowing.get("step", allowed.step), name)
    if isinstance(allowed, Real) and allowed.log and step is not None:
        raise SpaceError(
            f"A range on a logarithmic scale has no step, received step = {step} for {name}. "
            "Give a list of values, or leave the step out."
        )
    return _between(allowed, low, high, step)


def _between(allowed: Whole | Real, low: Narrowing, high: Narrowing, step: Narrowing) -> Range:
    default: Any = min(max(allowed.default, low), high)
    if step is not None and not math.isclose((default - low) / step % 1, 0, abs_tol=1e-9):
        default = low  # a default off the grid could not be asked for
    return replace(allowed, low=low, high=high, step=step, default=default)


def _narrow_choices_to_range(allowed: Choices, narrowing: Mapping[str, Any], name: str) -> Range:
    numbers = [value for value in allowed.values if _is_number(value)]
    if not numbers:
        raise SpaceError(
            f"{name} is one of {list(allowed.values)} and has no range, received "
            f"{dict(narrowing)}. Give one value or a list of values."
        )
    low = _checked(allowed, narrowing.get("min", min(numbers)), name)
    high = _checked(allowed, narrowing.get("max", max(numbers)), name)
    _check_order(low, high, name)
    if "step" in narrowing:
        step = _checked_step(narrowing["step"], name)
        count = math.floor((float(high) - float(low)) / step + 1e-9) + 1
        return _choices_of(allowed, tuple(type(low)(low + i * step) for i in range(count)))
    inside = tuple(value for value in numbers if low <= value <= high)
    if not inside or low < min(numbers) or high > max(numbers):
        raise SpaceError(
            f"Without a step, a range picks among {name}'s default choices {numbers}, received "
            f"{dict(narrowing)}. Give a list of values, or a step beside min and max."
        )
    return replace(allowed, values=inside, default=_choices_of(allowed, inside).default)


def _check_order(low: float, high: float, name: str) -> None:
    if low > high:
        raise SpaceError(
            f"A range runs from its smaller to its larger end, received min = {low} and max = "
            f"{high} for {name}. Swap them, or give both ends if you gave only one."
        )


def _checked_step(step: Narrowing, name: str) -> Narrowing:
    if step is not None and (not _is_number(step) or step <= 0):
        raise SpaceError(
            f"A step is a number above 0, received {step!r} for {name}. "
            "Correct it, or leave it out."
        )
    return step


def _checked(allowed: Range, value: Narrowing, name: str) -> Narrowing:
    """The value in the range's type, if it is within the limits."""
    value = _in_type_of(allowed, value)
    if isinstance(allowed, Choices) and (allowed.limits is None or not _is_number(value)):
        inside = any(value == known and type(value) is type(known) for known in allowed.values)
    else:
        lowest, highest = allowed.limits or (0, 0)
        same_kind = isinstance(value, type(allowed.default)) and not isinstance(value, bool)
        inside = same_kind and lowest <= value <= highest
    if inside:
        return value
    raise SpaceError(
        f"{name} can be {_limits_in_words(allowed)}, received {value!r}. "
        "Choose a value among these."
    )


def _in_type_of(allowed: Range, value: Narrowing) -> Narrowing:
    """Whole numbers for real ones, and YAML's "1e-3", which it reads as text."""
    if not isinstance(allowed.default, float) or isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _limits_in_words(allowed: Range) -> str:
    if isinstance(allowed, Choices) and allowed.limits is None:
        return "one of " + ", ".join(map(str, allowed.values))
    lowest, highest = allowed.limits or (0, 0)
    kind = "a number" if isinstance(allowed.default, float) else "a whole number"
    return f"{kind} from {lowest} to {highest}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
