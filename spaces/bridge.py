"""The bridge from a declared space to Optuna and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.configuration import active, validate
from spaces.domain import bridge_key, domain_of
from spaces.task import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras_tuner
    import optuna

__all__ = ["CONFIGURATION_ATTRIBUTE", "optuna_params", "suggest"]

CONFIGURATION_ATTRIBUTE = "configuration"
"""User attribute of each trial that keeps the values beside the indices Optuna was asked for."""


def suggest(trial: optuna.trial.BaseTrial, space: keras_tuner.HyperParameters) -> dict[str, Value]:
    """Ask a trial for each active hyperparameter of a space, parents first.

    Args:
        trial: An Optuna trial that is being asked; its user attribute `configuration` is set.
        space: A declared space.

    Returns:
        The active hyperparameters and their values, in the order of declaration.

    Raises:
        SpaceError: The space has something that Optuna cannot be asked for.
    """
    chosen: dict[str, Value] = {}
    for hyperparameter in space.space:
        if not active(hyperparameter, chosen):
            continue
        if hyperparameter.name in chosen:
            raise SpaceError(
                f"{hyperparameter.name!r} is declared twice under conditions that hold together: "
                f"{bridge_key(hyperparameter)!r} is the second. Make the conditions exclude each "
                "other, or use two names."
            )
        domain = domain_of(hyperparameter)
        chosen[hyperparameter.name] = domain.ask(trial, bridge_key(hyperparameter))
    trial.set_user_attr(CONFIGURATION_ATTRIBUTE, chosen)
    return chosen


def optuna_params(
    configuration: Mapping[str, Value], space: keras_tuner.HyperParameters
) -> dict[str, Any]:
    """The parameters with which `study.enqueue_trial` makes `suggest` give this configuration.

    Raises:
        SpaceError: The configuration is not one of the space.
    """
    validate(configuration, space)
    return {
        bridge_key(hyperparameter): domain_of(hyperparameter).encode(
            configuration[hyperparameter.name]
        )
        for hyperparameter in space.space
        if active(hyperparameter, configuration)
    }
