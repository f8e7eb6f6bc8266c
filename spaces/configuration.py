"""Whether a configuration belongs to a space, and how a model is built from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurosweep.errors import SpaceError
from spaces.domain import Declared, domain_of
from spaces.scope import unknown_name
from spaces.task import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import keras_tuner

__all__ = ["active", "hyperparameters", "validate"]


def active(hyperparameter: Declared, values: Mapping[str, Value]) -> bool:
    """Whether all conditions of a hyperparameter hold for these values."""
    return all(condition.is_active(values) for condition in hyperparameter.conditions)


def validate(configuration: Mapping[str, Value], space: keras_tuner.HyperParameters) -> None:
    """Check that a configuration has exactly the active hyperparameters, each in its range.

    Raises:
        SpaceError: One is missing, unknown, inactive or out of its range.
    """
    met: set[str] = set()
    for hyperparameter in space.space:
        if active(hyperparameter, configuration):
            _check(hyperparameter, configuration)
            met.add(hyperparameter.name)
    known = {hyperparameter.name for hyperparameter in space.space}
    for name in configuration:
        if name not in known:
            raise unknown_name("hyperparameter", name, known, where="the space")
        if name not in met:
            raise SpaceError(
                f"A configuration holds active hyperparameters alone, received {name!r}, whose "
                "condition does not hold. Leave it out, or change the value it depends on."
            )


def _check(hyperparameter: Declared, configuration: Mapping[str, Value]) -> None:
    name, domain = hyperparameter.name, domain_of(hyperparameter)
    if name not in configuration:
        raise SpaceError(
            f"A configuration needs a value for {name!r} ({domain.in_words()}), received none. "
            "Add it."
        )
    if configuration[name] not in domain:
        raise SpaceError(
            f"{name!r} can be {domain.in_words()}, received {configuration[name]!r}. Choose "
            "a value of the space, or widen the space."
        )


def hyperparameters(
    configuration: Mapping[str, Value], space: keras_tuner.HyperParameters
) -> keras_tuner.HyperParameters:
    """The space with a configuration's values set, ready for `HyperModel.build`.

    Raises:
        SpaceError: The configuration is not one of the space.
    """
    validate(configuration, space)
    chosen = space.copy()
    chosen.values = dict(configuration)
    return chosen
