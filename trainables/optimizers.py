"""Optimisers and learning-rate schedules by the names the spaces use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import keras
import tensorflow as tf

from neurosweep.errors import SpaceError
from trainables.fused_adam import FusedAdam, FusedAdamW
from trainables.settings import TrainingSettings

Rate: TypeAlias = Any
"""A number, or a Keras schedule (Keras ships no types)."""
_Entry = TypeVar("_Entry")

__all__ = ["OPTIMIZERS", "SCHEDULES", "build_optimizer", "finished", "warmed_up"]

# Momentum of plain gradient descent, as both ResNet and VGG were trained with (ours).
_MOMENTUM = 0.9
# Share of all steps in which the rate rises from a tenth to its full height (ours).
_WARM_UP = 0.05


def build_optimizer(
    settings: TrainingSettings, *, steps: int, fused: bool = False
) -> keras.optimizers.Optimizer:
    """The Keras optimiser of a configuration.

    Weight decay is decoupled from the gradient, as Keras does it for every optimiser, and
    spares biases and batch norm, which need no shrinking.

    Args:
        settings: Training hyperparameters.
        steps: Steps of the whole allowed training; schedules span them. At least 1.
        fused: Whether steps of Adam are single operations; results agree to rounding.

    Raises:
        SpaceError: The optimiser or schedule is unknown.
    """
    makers = {**OPTIMIZERS, **_FUSED} if fused else OPTIMIZERS
    make_optimizer = _look_up(makers, settings.optimizer, "training/optimizer")
    make_rate = _look_up(SCHEDULES, settings.schedule, "training/schedule")
    optimizer = make_optimizer(make_rate(settings.learning_rate, steps), settings.weight_decay)
    return finished(optimizer, settings.weight_decay)


def finished(
    optimizer: keras.optimizers.Optimizer, weight_decay: float
) -> keras.optimizers.Optimizer:
    """An optimiser as all of ours are: decay spares biases and batch norm.

    On one device there is nothing to reduce between several.
    """
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        # TensorFlow's all-reduce would register a gradient function in each traced step, which
        # keeps graph and weights in memory for good.
        optimizer._all_reduce_sum_gradients = list
    return optimizer


def warmed_up(rate: float, share: float, steps: int) -> Rate:
    """A constant rate that rises from a tenth over the first share of all steps.

    Args:
        rate: After the rise.
        share: From 0 (no rise) to below 1.
        steps: Of the whole training.
    """
    rising = round(share * steps)
    if not rising:
        return rate
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / 10,
        decay_steps=max(1, steps - rising),
        alpha=1.0,  # decays to all of the rate: stays
        warmup_target=rate,
        warmup_steps=rising,
    )


def _adam(rate: Rate, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay or None)


def _adamw(rate: Rate, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(rate, weight_decay=decay)


def _sgd(rate: Rate, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(rate, momentum=_MOMENTUM, weight_decay=decay or None)


def _rmsprop(rate: Rate, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.RMSprop(rate, weight_decay=decay or None)


OPTIMIZERS: Mapping[str, Callable[[Rate, float], keras.optimizers.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
}

_FUSED: Mapping[str, Callable[[Rate, float], keras.optimizers.Optimizer]] = {
    "adam": lambda rate, decay: FusedAdam(rate, weight_decay=decay or None),
    "adamw": lambda rate, decay: FusedAdamW(rate, weight_decay=decay),
}


def _constant(rate: float, steps: int) -> Rate:
    del steps  # the same from the first step to the last
    return rate


def _cosine(rate: float, steps: int) -> Rate:
    """Rise over the first steps, then fall to 0 along half a cosine."""
    rising = round(_WARM_UP * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / 10 if rising else rate,
        decay_steps=max(1, steps - rising),
        warmup_target=rate if rising else None,
        warmup_steps=rising,
    )


SCHEDULES: Mapping[str, Callable[[float, int], Rate]] = {"constant": _constant, "cosine": _cosine}


def _look_up(table: Mapping[str, _Entry], name: str, key: str) -> _Entry:
    """The entry called `name`, or an error that lists the others."""
    if name not in table:
        raise SpaceError(
            f"{key} is one of {sorted(table)}; received {name!r}. Correct the configuration."
        )
    return table[name]
