"""Functions over conditional spaces whose optimum is known, to measure samplers by.

Each is drawn anew for a seed: where its optimum lies and which branch holds it differ. All are
maximised, and their greatest value is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras_tuner
import numpy as np

Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class Landscape:
    """A space, and what a configuration of it is worth, for one seed."""

    space: keras_tuner.HyperParameters
    value: Callable[[Configuration], float]


def families(seed: int) -> Landscape:
    """Made to resemble our own space: a family, then its own depth, widths and switches."""
    rng = np.random.default_rng([1, seed])
    hp = keras_tuner.HyperParameters()
    names = ["cnn", "vgg", "resnet"]
    hp.Choice("family", names)
    for name in names:
        with hp.conditional_scope("family", [name]), hp.name_scope(name):
            depths = [2, 3, 4, 5]
            hp.Choice("depth", depths)
            for step in range(1, 6):
                with hp.conditional_scope("depth", [d for d in depths if d >= step]):
                    hp.Choice(f"width_{step}", [16, 32, 64, 128, 256])
            hp.Float("dropout", 0.0, 0.6)
            hp.Boolean("norm")
    with hp.name_scope("training"):
        hp.Choice("optimizer", ["adam", "sgd"])
        with hp.conditional_scope("optimizer", ["adam"]):
            hp.Float("rate", 1e-5, 1e-2, sampling="log")
        with hp.conditional_scope("optimizer", ["sgd"]):
            hp.Float("rate", 1e-4, 3e-1, sampling="log")
        hp.Choice("batch", [16, 32, 64])
    best = {name: _family_optimum(rng) for name in names}
    handicap = dict(zip(names, rng.permutation([0.0, 0.05, 0.3]), strict=True))
    rates = {"adam": rng.uniform(-4.5, -2.5), "sgd": rng.uniform(-3.0, -1.0)}
    slower = dict(zip(("adam", "sgd"), rng.permutation([0.0, 0.04]), strict=True))

    def value(chosen: Configuration) -> float:
        name, optimizer = chosen["family"], chosen["training/optimizer"]
        goal, depth = best[name], chosen[f"{name}/depth"]
        lost = handicap[name] + slower[optimizer] + 0.03 * abs(depth - goal["depth"])
        for step in range(1, depth + 1):
            octaves = math.log2(chosen[f"{name}/width_{step}"] / 16)
            lost += 0.01 * (octaves - goal["octaves"][step - 1]) ** 2
        lost += 0.5 * (chosen[f"{name}/dropout"] - goal["dropout"]) ** 2
        lost += 0.03 * (chosen[f"{name}/norm"] != goal["norm"])
        lost += 0.05 * (math.log10(chosen["training/rate"]) - rates[optimizer]) ** 2
        return float(-lost - 0.01 * math.log2(chosen["training/batch"] / 16))

    return Landscape(hp, value)


def _family_optimum(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "depth": int(rng.integers(2, 6)),
        "octaves": rng.integers(0, 5, size=5),
        "dropout": rng.uniform(0.1, 0.5),
        "norm": bool(rng.integers(2)),
    }


def branches(seed: int) -> Landscape:
    """Three known functions, each behind a choice: a sphere, Branin's valley, Rosenbrock's."""
    rng = np.random.default_rng([2, seed])
    hp = keras_tuner.HyperParameters()
    hp.Choice("function", ["sphere", "branin", "rosenbrock"])
    for name, numbers in (("sphere", 4), ("branin", 2), ("rosenbrock", 3)):
        with hp.conditional_scope("function", [name]):
            for index in range(numbers):
                hp.Float(f"{name}_{index}", 0.0, 1.0)
    shift = rng.uniform(0.2, 0.8, size=4)
    handicap = dict(
        zip(("sphere", "branin", "rosenbrock"), rng.permutation([0.0, 0.1, 0.2]), strict=True)
    )

    def value(chosen: Configuration) -> float:
        name = chosen["function"]
        point = np.array([v for k, v in chosen.items() if k.startswith(f"{name}_")])
        if name == "sphere":
            lost = float(np.sum((point - shift) ** 2))
        elif name == "branin":
            lost = _branin(15 * point[0] - 5, 15 * point[1]) / 100
        else:
            x = 4 * point - 2
            lost = float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)) / 500
        return -lost - float(handicap[name])

    return Landscape(hp, value)


def _branin(x: float, y: float) -> float:
    valley = (y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2
    return valley + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def nested(seed: int) -> Landscape:
    """Choices within choices, whole and real numbers on several scales, and an interplay."""
    rng = np.random.default_rng([3, seed])
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", ["x", "y"])
    hp.Float("common", 1e-4, 1.0, sampling="log")
    hp.Int("count", 1, 40)
    for a in ("x", "y"):
        with hp.conditional_scope("a", [a]):
            hp.Choice(f"b_{a}", ["u", "v", "w"])
            for b in ("u", "v", "w"):
                with hp.conditional_scope(f"b_{a}", [b]):
                    hp.Float(f"first_{a}{b}", -1.0, 1.0)
                    hp.Float(f"second_{a}{b}", -1.0, 1.0)
    leaves = [a + b for a in "xy" for b in "uvw"]
    handicap = dict(zip(leaves, rng.permutation(np.linspace(0, 0.25, 6)), strict=True))
    centre = {leaf: rng.uniform(-0.7, 0.7, size=2) for leaf in leaves}
    scale, count = rng.uniform(-3, -1), int(rng.integers(5, 36))

    def value(chosen: Configuration) -> float:
        leaf = chosen["a"] + chosen[f"b_{chosen['a']}"]
        first, second = (chosen[f"{name}_{leaf}"] - centre[leaf][i] for i, name in _PAIR)
        lost = float(handicap[leaf]) + (first + second) ** 2 + 0.2 * (first - second) ** 2
        lost += 0.1 * (math.log10(chosen["common"]) - scale) ** 2
        return float(-lost - 0.001 * abs(chosen["count"] - count))

    return Landscape(hp, value)


_PAIR = ((0, "first"), (1, "second"))

LANDSCAPES: dict[str, Callable[[int], Landscape]] = {
    "families": families,
    "branches": branches,
    "nested": nested,
}
