"""A space as rows for tables and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spaces.domain import Declared, condition_in_words, domain_of

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["describe"]


def describe(space: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
    """One row for each declared hyperparameter, in the order of declaration.

    Returns:
        Rows with `name`, `kind`, `range` (in words), `condition` ("" if always active) and
        `default` (the value itself).
    """
    return [_row(hyperparameter) for hyperparameter in space.space]


def _row(hyperparameter: Declared) -> dict[str, Any]:
    domain = domain_of(hyperparameter)
    return {
        "name": hyperparameter.name,
        "kind": domain.kind.value,
        "range": domain.in_words(),
        "condition": condition_in_words(hyperparameter),
        "default": hyperparameter.default,
    }
