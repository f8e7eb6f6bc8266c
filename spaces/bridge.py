"""The bridge from a declared space to Optuna and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.configuration import active, validate
from spaces.domain import Asked, bridge_key, domain_of
from spaces.task import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras_tuner
    from optuna.distributions import BaseDistribution

__all__ = ["CONFIGURATION_ATTRIBUTE", "distribution_groups", "optuna_params", "suggest"]

CONFIGURATION_ATTRIBUTE = "configuration"
"""User attribute of each trial that keeps the values beside the indices Optuna was asked for."""


def suggest(trial: Asked, space: keras_tuner.HyperParameters) -> dict[str, Value]:
    """Ask a trial for each active hyperparameter of a space, parents first.

    Args:
        trial: An Optuna trial that is being asked, or what answers as one does; its user
            attribute `configuration` is set.
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


def distribution_groups(
    space: keras_tuner.HyperParameters,
) -> tuple[dict[str, BaseDistribution], ...]:
    """What `suggest` asks Optuna for, in groups that exist under the same conditions.

    The members of a group are in a configuration together or not at all, so a group can be drawn
    as a whole when the first of its members is asked for.

    Returns:
        For each group its keys and their distributions, in the order of declaration; those that
        have one value alone are left out.
    """
    groups: dict[str, dict[str, BaseDistribution]] = {}
    for hyperparameter in space.space:
        distribution = domain_of(hyperparameter).distribution()
        if distribution is not None:
            key = bridge_key(hyperparameter)
            condition = key.removeprefix(hyperparameter.name)
            groups.setdefault(condition, {})[key] = distribution
    return tuple(groups.values())
