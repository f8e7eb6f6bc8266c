"""One conditional space over all families and the training hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras_tuner

from neurosweep.errors import SpaceError
from spaces import training as training_space
from spaces.families import FAMILIES
from spaces.scope import unknown_name, when
from spaces.task import Task

__all__ = ["declare_family", "declare_space"]

_CACHED = "transfer"
"""The family that is trained on cached features."""


def declare_space(
    task: Task, families: Mapping[str, Mapping[str, Any] | None], training: Mapping[str, Any]
) -> keras_tuner.HyperParameters:
    """Declare `family`, each family's own hyperparameters under it, and those of training.

    Args:
        task: What the networks are built for.
        families: The experiment's `families`: name to narrowings, {} for the default ranges.
        training: The experiment's `training`: a value fixes, "search" leaves the default range.

    Raises:
        SpaceError: No family, an unknown name, or a narrowing that cannot be.

    Example:
        >>> task = Task(image_size=96, channels=1, classes=("a", "b"))
        >>> space = declare_space(task, {"mini_vgg": {"blocks": 3}}, {"optimizer": "adam"})
        >>> space.get("mini_vgg/blocks")
        3
    """
    if not families:
        raise SpaceError(
            f"A search needs at least one family, received none. Name some of {list(FAMILIES)} "
            "under families."
        )
    for name in families:
        if name not in FAMILIES:
            raise unknown_name("family", name, FAMILIES, where="the search")
    hp = keras_tuner.HyperParameters()
    if len(families) == 1:
        hp.Fixed("family", next(iter(families)))
    else:
        hp.Choice("family", list(families))
    for name, narrowings in families.items():
        _declare_in_scope(hp, name, task, narrowings or {})
    with hp.name_scope("training"):
        training_space.declare(hp, training)
    _declare_augmentation(hp, families, training)
    return hp


def _declare_augmentation(
    hp: keras_tuner.HyperParameters,
    families: Mapping[str, Mapping[str, Any] | None],
    training: Mapping[str, Any],
) -> None:
    """Augmentation under its condition: cached features take it otherwise than images do."""
    on_images = [name for name in families if name != _CACHED]
    if on_images:
        with when(hp, "family", on_images, list(families)), hp.name_scope("training"):
            training_space.declare_augmentation(hp, training, copies=None)
    if _CACHED in families:
        copies = int((families[_CACHED] or {}).get("copies", 0))
        with when(hp, "family", [_CACHED], list(families)), hp.name_scope("training"):
            training_space.declare_augmentation(hp, training, copies=copies)


def declare_family(hp: keras_tuner.HyperParameters, name: str, task: Task) -> None:
    """Declare one family in its default ranges, as KerasTuner's own tuners need it."""
    if "family" not in hp:
        hp.Fixed("family", name)
    _declare_in_scope(hp, name, task, {})


def _declare_in_scope(
    hp: keras_tuner.HyperParameters, name: str, task: Task, narrowings: Mapping[str, Any]
) -> None:
    # Condition first, then name scope: the other way round, KerasTuner looks for the parent
    # inside the name scope and does not find it.
    with hp.conditional_scope("family", [name]), hp.name_scope(name):
        FAMILIES[name].declare(hp, task, narrowings)
