"""Made learning curves: a rise to an asymptote that depends smoothly on the configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from spaces import Value
from trainables import EpochRecord, Recipe

__all__ = ["Curves", "MadeCurve"]

_TOP = 0.99
_NOISE = 0.015  # standard deviation of an epoch's accuracy about its curve
_MEDIAN_EPOCH_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class MadeCurve:
    """What training one configuration would show.

    Attributes:
        epochs: One record per allowed epoch.
        fails_after: Epochs after which it crashes, from 0, or None.
        lost_after: Epochs after which its worker vanishes, from 0, or None.
    """

    epochs: tuple[EpochRecord, ...]
    fails_after: int | None = None
    lost_after: int | None = None


@dataclass(frozen=True, kw_only=True)
class Curves:
    """A made task: equal seeds give equal curves, whoever trains them and when.

    Attributes:
        seed: Seed of the task, at least 0; it says which configurations are good.
        classes: Classes, at least 2; training starts at chance.
        failing: Share of trials that crash at an epoch drawn evenly.
        lost: Share of trials whose worker is lost, likewise.
    """

    seed: int = 0
    classes: int = 4
    failing: float = 0.02
    lost: float = 0.01

    def of(self, recipe: Recipe) -> MadeCurve:
        """The curve of a recipe; its noise, its pace and its fate come from the recipe's seed."""
        rng = np.random.default_rng([self.seed, recipe.seed])
        pace = math.exp(rng.normal(math.log(7 / recipe.epochs), 0.5))
        seconds = _MEDIAN_EPOCH_SECONDS * math.exp(rng.normal(0, 0.5))
        rise = 1 - np.exp(-pace * np.arange(1, recipe.epochs + 1))
        start = 1 / self.classes
        means = start + (self.asymptote(recipe.configuration) - start) * rise
        noisy = np.clip(means + rng.normal(0, _NOISE, recipe.epochs), 0.0, 1.0)
        crash, loss, at = rng.uniform(), rng.uniform(), int(rng.integers(recipe.epochs))
        return MadeCurve(
            epochs=_records(noisy, seconds),
            fails_after=at if crash < self.failing else None,
            lost_after=at if loss < self.lost else None,
        )

    def asymptote(self, configuration: Mapping[str, Value]) -> float:
        """The accuracy training comes to: chance to 0.99, smooth in each number's logarithm."""
        start = 1 / self.classes
        merits = [_merit(self.seed, name, value) for name, value in configuration.items()]
        return start + (_TOP - start) / (1 + math.exp(-1.0 - 1.5 * sum(merits)))


def _records(accuracies: NDArray[np.float64], seconds: float) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=number,
            loss=1 - accuracy,
            accuracy=accuracy,
            val_loss=1 - accuracy,
            val_accuracy=accuracy,
            seconds=seconds,
            learning_rate=1e-3,
        )
        for number, accuracy in enumerate(accuracies.tolist(), 1)
    )


def _merit(seed: int, name: str, value: Value) -> float:
    """What one hyperparameter adds, between -1 and 1."""
    if isinstance(value, bool | str):
        return _drawn(seed, f"{name}={value}")[0] * 0.5
    weight, shift, turn = _drawn(seed, name)
    return weight * math.cos(math.pi * (shift + (1 + turn) * math.log10(abs(value) + 1e-6)))


@cache
def _drawn(seed: int, text: str) -> tuple[float, float, float]:
    """Three numbers between -1 and 1 that belong to a text."""
    drawn = np.random.default_rng([seed, crc32(text.encode())]).uniform(-1, 1, 3)
    return float(drawn[0]), float(drawn[1]), float(drawn[2])
