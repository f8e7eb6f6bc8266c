"""Train a recipe again, from the first weights to the last fine-tuning step, without Ray."""

from __future__ import annotations

from scans import Dataset
from trainables.fine_tuning import fine_tune
from trainables.fitting import fit
from trainables.recipe import Recipe
from trainables.results import EpochRecord, FitResult, Report

__all__ = ["rerun"]


def rerun(recipe: Recipe, dataset: Dataset, report: Report | None = None) -> FitResult:
    """Fit, and fine-tune if the recipe says so, with the functions the search uses.

    Args:
        recipe: Of the row to replay.
        dataset: The data the row was trained on.
        report: Called with each epoch's record of both; None lets everything run.

    Returns:
        The last step's result: of fine-tuning where there is one.
    """
    listen = report or _go_on
    trained = fit(recipe, dataset, listen)
    if recipe.fine_tune is None:
        return trained
    return fine_tune(recipe, trained.weights, dataset, listen)


def _go_on(record: EpochRecord) -> bool:
    """Never stop early."""
    del record
    return True
