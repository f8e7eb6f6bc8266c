"""The model trained last, kept with its traced functions: an equal one that follows takes them.

Tracing a training step costs as much as several epochs of a small network. Models are equal where
nothing that was traced differs: a repeat with another seed is the case. The new trial's model is
built as ever and its variables, those of the optimiser and of the random generators included, are
copied into the kept one, so that it starts from what a fresh process would start from.

Rounds of cross-validation do not qualify: mean and deviation of their own training images are
constants of the traced step.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from trainables.measure import Meter
from trainables.recipe import Recipe, same_but_seed
from trainables.sitting import variables_of

__all__ = ["Traced", "again", "forget", "is_kept"]


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What is traced for one training run.

    Attributes:
        core: The network.
        model: What `fit` trains, compiled; it holds `core`.
        meter: What measures `core`.
    """

    core: keras.Model
    model: keras.Model
    meter: Meter


Key = tuple[object, ...]
"""All that what is traced depends on; the recipe, without its seed, comes first."""

_kept: tuple[Key, Traced] | None = None


def again(key: Key, fresh: Traced) -> Traced:
    """What to train instead of `fresh`: the kept one, in the same state, if its key is equal.

    Args:
        key: Of `fresh`.
        fresh: Built, compiled, and not trained yet; kept if there was no equal one.
    """
    global _kept  # noqa: PLW0603 - one model is kept per process, as TensorFlow's state is
    if _kept is None or _kept[0] != key:
        _kept = (key, fresh)
        return fresh
    traced = _kept[1]
    for values, variables in zip(
        variables_of(fresh.model), variables_of(traced.model), strict=True
    ):
        for value, variable in zip(values, variables, strict=True):
            variable.assign(value)
    return traced


def is_kept(recipe: Recipe) -> bool:
    """Whether the kept model was built from this recipe, seed aside."""
    return _kept is not None and _kept[0][0] == same_but_seed(recipe)


def forget() -> None:
    """Let go of the kept model, before another one takes its memory."""
    global _kept  # noqa: PLW0603 - see `again`
    _kept = None
