"""The recipes that a task is about, by its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables import Ensemble, Recipe

__all__ = ["recipes_of"]


def recipes_of(payload: Mapping[str, Any]) -> list[Recipe]:
    """The task's recipe, or those of its ensemble's members; none for tasks without.

    Args:
        payload: Arguments of a task of `search.workers.tasks`.
    """
    ensemble: Ensemble | None = payload.get("ensemble")
    if ensemble is not None:
        return [member.recipe for member in ensemble.members]
    return [payload["recipe"]] if "recipe" in payload else []
