"""The record by which a family of networks is known to the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spaces.task import Task, Value

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["Declare", "FamilySpace"]

Declare = Callable[["keras_tuner.HyperParameters", Task, Mapping[str, Any]], None]


@dataclass(frozen=True)
class FamilySpace:
    """One family: what can be varied in it, and what the papers set.

    Attributes:
        name: Key of the family in the experiment file; scope of its hyperparameters' names.
        declare: Declares the family's hyperparameters on `hp`, narrowed by the mapping that the
            experiment file has under the family's name ({} leaves the default ranges).
            It is called inside the family's condition and name scope.
        papers: The papers' own settings as whole configurations, training ones included;
            empty where no paper describes the family at this task.
    """

    name: str
    declare: Declare
    papers: Callable[[Task], tuple[dict[str, Value], ...]]
