"""All configurations of a space, one after another."""

from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING

from spaces.configuration import active
from spaces.domain import Declared, Domain, Kind, domain_of
from spaces.task import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras_tuner

__all__ = ["configurations"]


def configurations(
    space: keras_tuner.HyperParameters, *, seed: int = 0
) -> Iterator[dict[str, Value]]:
    """Yield each configuration of a space once, in an order that the seed fixes.

    A space without real numbers comes to an end. With them it goes on for ever: a real number
    runs through ever finer divisions of its range.

    Args:
        space: A declared space.
        seed: Where the values of each hyperparameter begin; they go round from there.

    Example:
        >>> import keras_tuner
        >>> hp = keras_tuner.HyperParameters()
        >>> _ = hp.Choice("pool", ["max", "avg"])
        >>> sorted(found["pool"] for found in configurations(hp))
        ['avg', 'max']
    """
    yield from _completed({}, space.space, random.Random(seed))  # noqa: S311 - no secret


def _completed(
    chosen: dict[str, Value], rest: Sequence[Declared], rng: random.Random
) -> Iterator[dict[str, Value]]:
    for position, hyperparameter in enumerate(rest):
        if active(hyperparameter, chosen):
            for value in _values(domain_of(hyperparameter), rng):
                with_value = {**chosen, hyperparameter.name: value}
                yield from _completed(with_value, rest[position + 1 :], rng)
            return
    yield chosen


def _values(domain: Domain, rng: random.Random) -> Iterator[Value]:
    if domain.kind is Kind.REAL:
        yield from _ever_finer(domain)
        return
    values: Sequence[Value] = domain.values
    if domain.kind is Kind.WHOLE:
        values = range(int(domain.low), int(domain.high) + 1, domain.step or 1)
    first = rng.randrange(len(values))
    for index in range(len(values)):
        yield values[(first + index) % len(values)]


def _ever_finer(domain: Domain) -> Iterator[float]:
    """Both ends, the middle, the quarters, the eighths, ..., each once."""
    low, high = (math.log(e) if domain.log else e for e in (domain.low, domain.high))
    yield from (float(domain.low), float(domain.high))
    for depth in itertools.count(1):
        for odd in range(1, 2**depth, 2):
            value = low + (high - low) * odd / 2**depth
            yield math.exp(value) if domain.log else value
