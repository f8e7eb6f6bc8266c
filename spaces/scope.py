"""How an experiment's keys find the hyperparameters of one scope, steps of a loop included."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.ranges import Choices, Narrowing, Range, Whole, narrow
from spaces.task import Value

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["chosen_ranges", "counts", "halvings", "known_names", "unknown_name", "when"]

_STEP = re.compile(r"_\d+$")


def halvings(image_size: int) -> int:
    """How often an image can be halved with at least two pixels left on each side.

    Any mix of `floor` (pooling) and `ceil` (strides with same padding) leaves at least
    `image_size >> halvings`, because flooring every time is the smallest of them.

    Example:
        >>> halvings(150), 150 >> halvings(150)
        (6, 2)
    """
    return (image_size // 2).bit_length() - 1


def known_names(defaults: Mapping[str, Range]) -> tuple[str, ...]:
    """Names a narrowing may use: each hyperparameter, and `filters` for all its steps."""
    return tuple(dict.fromkeys([*(_STEP.sub("", name) for name in defaults), *defaults]))


def chosen_ranges(
    defaults: Mapping[str, Range], narrowings: Mapping[str, Any], scope: str
) -> dict[str, Range]:
    """The ranges of one scope as the experiment narrows them.

    A key is a hyperparameter's name, or the part before `_1`, `_2`, … for every step of a loop;
    the exact name wins.

    Args:
        defaults: Default range of each hyperparameter, by its name inside the scope.
        narrowings: What the experiment file says.
        scope: Family's name, or "training"; for messages.

    Raises:
        SpaceError: A key is unknown, or a narrowing cannot be.
    """
    known = known_names(defaults)
    for key in narrowings:
        if key not in known:
            raise unknown_name("hyperparameter", key, known, where=scope)
    chosen = dict(defaults)
    for key, narrowing in narrowings.items():
        if key not in defaults:
            steps = [name for name in defaults if _STEP.sub("", name) == key]
            chosen.update(_narrow_steps(defaults, steps, narrowing, f"{scope}/{key}"))
    for key, narrowing in narrowings.items():
        if key in defaults:
            chosen[key] = narrow(defaults[key], narrowing, f"{scope}/{key}")
    return chosen


def unknown_name(kind: str, name: str, known: Iterable[str], *, where: str) -> SpaceError:
    """The error for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    nearest = f" Did you mean {near[0]}?" if near else ""
    return SpaceError(
        f"A {kind} of {where} is one of {', '.join(names)}; received {name!r}.{nearest}"
    )


def counts(allowed: Range) -> tuple[int, ...]:
    """The whole numbers that a range of counts allows, ascending."""
    values = allowed.values if isinstance(allowed, Whole | Choices) else ()
    return tuple(int(value) for value in values)


def when(
    hp: keras_tuner.HyperParameters,
    parent: str,
    wanted: Sequence[Value],
    possible: Sequence[Value],
) -> AbstractContextManager[None]:
    """The scope in which `parent` has one of the wanted values; no condition if it always has."""
    if set(wanted) == set(possible):
        return nullcontext()
    scope: AbstractContextManager[None] = hp.conditional_scope(parent, list(wanted))
    return scope


def _narrow_steps(
    defaults: Mapping[str, Range], steps: list[str], narrowing: Narrowing, name: str
) -> dict[str, Range]:
    """One narrowing for all steps of a loop."""
    union = _union([defaults[step] for step in steps])
    narrowed = narrow(union, narrowing, name)
    picks = isinstance(narrowing, Mapping) and "step" not in narrowing
    if not picks:
        return {step: defaults[step] if narrowing == "search" else narrowed for step in steps}
    return {step: _overlap(defaults[step], narrowed) for step in steps}


def _overlap(own: Range, narrowed: Range) -> Range:
    """A step's own choices that are left, or all that are left if none of its own is."""
    if not isinstance(own, Choices) or not isinstance(narrowed, Choices):
        return narrowed
    left = tuple(value for value in own.values if value in narrowed.values)
    if not left:
        return narrowed
    return replace(own, values=left, default=own.default if own.default in left else left[-1])


def _union(ranges: list[Range]) -> Range:
    """One range with the choices of all steps; steps differ in their choices alone."""
    first = ranges[0]
    if not isinstance(first, Choices):
        return first
    values = {value for one in ranges if isinstance(one, Choices) for value in one.values}
    ordered = tuple(value for value in first.values if isinstance(value, str | bool))
    return replace(first, values=ordered or tuple(sorted(values)))
