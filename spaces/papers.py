"""The papers' own settings, as far as they lie in a declared space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.configuration import active, validate
from spaces.domain import domain_of
from spaces.families import FAMILIES
from spaces.task import Task, Value
from spaces.training import OPEN_IN_PAPERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import keras_tuner

__all__ = ["paper_configurations"]

_TITLES = {
    "plain_cnn": "paper B: 5-Conv CNN",
    "mini_vgg": "paper B: Mini-VGGNet",
    "mini_resnet": "paper B: Mini-ResNet",
}


def paper_configurations(
    space: keras_tuner.HyperParameters, task: Task, families: Iterable[str]
) -> list[tuple[str, dict[str, Value]]]:
    """The papers' settings that the space holds, each with the name it is reported under.

    What the papers leave open (learning rate, batch size, patience) takes the space's own default
    where the experiment excludes our reading; all else must fit, or the row is left out.

    Args:
        space: The declared space.
        task: What it was declared for.
        families: Names of the families searched.
    """
    found = []
    for name in families:
        for settings in FAMILIES[name].papers(task):
            configuration = _with_open_values(settings, space)
            if _fits(configuration, space):
                found.append((_title(configuration), configuration))
    return found


def _title(configuration: dict[str, Value]) -> str:
    family = str(configuration["family"])
    return _TITLES.get(family) or f"paper A: {configuration['transfer/backbone']}"


def _with_open_values(
    settings: dict[str, Value], space: keras_tuner.HyperParameters
) -> dict[str, Value]:
    fitted = dict(settings)
    for hyperparameter in space.space:
        name: Any = hyperparameter.name
        left_open = name in OPEN_IN_PAPERS and active(hyperparameter, settings)
        if left_open and settings[name] not in domain_of(hyperparameter):
            fitted[name] = hyperparameter.default
    return fitted


def _fits(configuration: dict[str, Value], space: keras_tuner.HyperParameters) -> bool:
    try:
        validate(configuration, space)
    except SpaceError:
        return False
    return True
