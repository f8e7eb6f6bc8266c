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
    from collections.abc import Iterable, Mapping

    import keras_tuner

__all__ = ["left_open_by_papers", "paper_configurations"]

# What the papers' texts and tables say themselves. Strides of plain_cnn follow from the sizes of
# its feature maps. Everything else in a paper's configuration is ours.
_GIVEN = (
    *("plain_cnn/blocks", "plain_cnn/filters_", "plain_cnn/stride_", "plain_cnn/pool_"),
    *("plain_cnn/fc_layers", "mini_vgg/blocks", "mini_vgg/convs", "mini_vgg/filters_"),
    *("mini_vgg/hidden_width_", "mini_resnet/stages", "mini_resnet/blocks_"),
    *("family", "training/optimizer", "training/augmentation"),
    *("transfer/pooling", "transfer/fc_layers"),
)
_GIVEN_VALUES = {"transfer/backbone": "ResNet50V2"}  # the one backbone that paper A names

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


def left_open_by_papers(configuration: Mapping[str, Value]) -> tuple[str, ...]:
    """Names of the hyperparameters whose values in a paper's configuration are ours.

    Args:
        configuration: As `paper_configurations` gives it.

    Example:
        >>> left_open_by_papers({"family": "mini_vgg", "mini_vgg/dropout": 0.0})
        ('mini_vgg/dropout',)
    """
    return tuple(
        name
        for name, value in configuration.items()
        if not name.startswith(_GIVEN) and _GIVEN_VALUES.get(name) != value
    )


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
