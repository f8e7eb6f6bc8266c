"""What can be varied: families of networks, training, backbones, and the bridge to Optuna.

KerasTuner brings TensorFlow along, so names that need it are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from spaces.backbones import BACKBONES, DEFAULT_BACKBONES, BackboneRecord
from spaces.task import Task, Value

if TYPE_CHECKING:
    from spaces.bridge import distribution_groups, optuna_params, suggest
    from spaces.configuration import hyperparameters, validate
    from spaces.description import describe
    from spaces.enumeration import configurations
    from spaces.families import FAMILIES
    from spaces.family import FamilySpace
    from spaces.fine_tuning import PAPER_FINE_TUNING, declare_fine_tuning
    from spaces.joint import declare_family, declare_space
    from spaces.papers import left_open_by_papers, paper_configurations
    from spaces.storage import load_space, save_space
    from spaces.transfer import selected_backbones

__all__ = [
    "BACKBONES",
    "DEFAULT_BACKBONES",
    "FAMILIES",
    "PAPER_FINE_TUNING",
    "BackboneRecord",
    "FamilySpace",
    "Task",
    "Value",
    "configurations",
    "declare_family",
    "declare_fine_tuning",
    "declare_space",
    "describe",
    "distribution_groups",
    "hyperparameters",
    "left_open_by_papers",
    "load_space",
    "optuna_params",
    "paper_configurations",
    "save_space",
    "selected_backbones",
    "suggest",
    "validate",
]

_HOMES = {
    "FAMILIES": "spaces.families",
    "FamilySpace": "spaces.family",
    "PAPER_FINE_TUNING": "spaces.fine_tuning",
    "configurations": "spaces.enumeration",
    "declare_family": "spaces.joint",
    "declare_fine_tuning": "spaces.fine_tuning",
    "declare_space": "spaces.joint",
    "describe": "spaces.description",
    "distribution_groups": "spaces.bridge",
    "hyperparameters": "spaces.configuration",
    "left_open_by_papers": "spaces.papers",
    "load_space": "spaces.storage",
    "optuna_params": "spaces.bridge",
    "paper_configurations": "spaces.papers",
    "save_space": "spaces.storage",
    "selected_backbones": "spaces.transfer",
    "suggest": "spaces.bridge",
    "validate": "spaces.configuration",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_HOMES[name]), name)
    return found
