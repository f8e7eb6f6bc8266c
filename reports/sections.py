"""The sections of the report in their order: a new one is a line here and its own template."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.explained_numbers import (
    numbers_of_answers,
    numbers_of_blocks,
    numbers_of_maps,
)
from reports.figures.endings import endings_figures
from reports.figures.figure import Figure
from reports.figures.importance import importance_figures
from reports.figures.learning import fine_tuning_figures, learning_figures
from reports.figures.parallel import parallel_figures
from reports.figures.progress import progress_figures
from reports.figures.screening import screening_figures, screening_styles
from reports.figures.slices import slice_figures
from reports.figures.survival import survival_figures
from reports.figures.timeline import timeline_figures
from reports.folds import fold_scale, folded_rows
from reports.leaderboard import LeaderboardRow
from reports.model_card import model_card
from reports.page import Page, Section
from reports.paper_tables import paper_tables
from reports.papers import ASSUMPTIONS, compare_with_papers
from reports.provenance import provenance, stage_times
from reports.published import standing_of
from reports.records import Stage, Status
from reports.screening_table import screening_table
from reports.summary import summarise
from reports.tested_on import all_clean, which_images
from reports.verdicts import verdicts
from reports.wording import is_papers_setting, picture_note

__all__ = ["SECTIONS"]

_CONFIGURATIONS = 5
_MOST_LAYERS = 600  # all are in winner/architecture.json

_Context = Mapping[str, Any] | None


def _summary(page: Page) -> _Context:
    return {"summary": summarise(page.run, page.rows)}


def _leaderboard(page: Page) -> _Context:
    return {
        "rows": page.shown,
        "hidden": len(page.rows) - len(page.shown),
        "tied": any(row.tie_group is not None for row in page.shown),
        "scale": _scale(page.shown),
        "configurations": [row for row in page.rows if row.rank is not None][:_CONFIGURATIONS],
        "papers_settings": any(map(is_papers_setting, page.rows)),
        "two_ways": page.two_ways,
        "which_images": which_images(page.run.evaluation),
        "hours": page.hours,
        "screening": page.screening,
        "published": standing.note if (standing := standing_of(page.run, page.rows)) else "",
    }


def _papers(page: Page) -> _Context:
    tables = paper_tables(page.run, page.rows)
    told = {
        "papers": compare_with_papers(page.rows),
        "paper_tables": tables,
        "assumptions": ASSUMPTIONS,
        "two_ways": page.two_ways,
    }
    return told if tables else None


def _backbones(page: Page) -> _Context:
    if page.screening is None:
        return None
    return {
        "screening": page.screening,
        "screening_styles": screening_styles(page.screening, page.looks),
        "screening_table": screening_table(page.screening),
    }


def _data(page: Page) -> _Context:
    return {"data": page.data}


def _test_set(page: Page) -> _Context:
    standing = standing_of(page.run, page.rows)
    return {
        "standing": None if standing is None or standing.is_first else standing,
        "verdicts": verdicts(page.run.evaluation, page.rows),
        "which_images": which_images(page.run.evaluation),
        "all_clean": all_clean(page.run.evaluation),
    }


def _model(page: Page) -> _Context:
    return {"model_part": page.model, "most_layers": _MOST_LAYERS}


def _model_figures(page: Page) -> Sequence[Figure]:
    return page.model.figures


def _pictures(page: Page) -> _Context:
    if page.pictures is None:
        return None
    told = page.pictures.explained
    numbers = {
        "answers": numbers_of_answers(told) if told else {},
        "maps": numbers_of_maps(told) if told else {},
        "blocks": numbers_of_blocks(told) if told else {},
    }
    return {"pictures": page.pictures, "numbers": numbers}


def _card(page: Page) -> _Context:
    return {"model_card": model_card(page.run, page.rows)}


def _folds(page: Page) -> _Context:
    folds = folded_rows(page.run.cross_validation, page.rows)
    return {"folds": folds, "fold_scale": fold_scale(folds)} if folds else None


def _learning(page: Page) -> _Context:
    del page
    return {}


def _search(page: Page) -> _Context:
    return {"failures": [row for row in page.rows if row.status is Status.FAILED]}


def _hyperparameters(page: Page) -> _Context:
    # Nothing to show before the search measured anything; the section on progress says so then.
    searched = (row for row in page.rows if row.stage is Stage.SEARCH)
    return {} if any(row.val_accuracy is not None for row in searched) else None


def _hours(page: Page) -> _Context:
    return {"hours": page.hours} if page.hours else None


def _provenance(page: Page) -> _Context:
    pictures = page.data.pictures + (page.pictures.pictures if page.pictures else 0)
    note = picture_note(pictures, left_out=not page.images, synthetic=page.run.synthetic)
    return {
        "times": stage_times(page.run),
        "provenance": provenance(page.run),
        "picture_note": note,
    }


def _learning_figures(page: Page) -> Sequence[Figure]:
    return (*learning_figures(page), *fine_tuning_figures(page))


def _search_figures(page: Page) -> Sequence[Figure]:
    drawn = (progress_figures, survival_figures, timeline_figures, endings_figures)
    return [figure for draw in drawn for figure in draw(page)]


def _hyperparameter_figures(page: Page) -> Sequence[Figure]:
    drawn = (importance_figures, parallel_figures, slice_figures)
    return [figure for draw in drawn for figure in draw(page)]


def _scale(rows: Sequence[LeaderboardRow]) -> tuple[float, float]:
    # One scale for all intervals, made for the better half of the ranked rows: with the worst in
    # view too, those that compete could not be told apart.
    lows = [row.val_accuracy_low for row in rows if row.rank and row.val_accuracy_low is not None]
    better = lows[: max(3, len(lows) // 2)]
    return int(min(better, default=0.0) * 20) / 20, 1.0


SECTIONS = (
    Section("summary", "Summary", "summary.html.jinja", _summary),
    Section("leaderboard", "Leaderboard", "leaderboard.html.jinja", _leaderboard),
    Section("papers", "Papers", "papers.html.jinja", _papers),
    Section("backbones", "Backbones", "backbones.html.jinja", _backbones, screening_figures),
    Section("data", "Data", "data.html.jinja", _data),
    Section("test", "Test set", "test_set.html.jinja", _test_set),
    Section("model", "Model", "model.html.jinja", _model, _model_figures),
    Section("pictures", "Pictures", "pictures.html.jinja", _pictures),
    Section("folds", "Cross-validation", "folds.html.jinja", _folds),
    Section("learning", "Learning curves", "learning.html.jinja", _learning, _learning_figures),
    Section("search", "Search", "search.html.jinja", _search, _search_figures),
    Section(
        "hyperparameters",
        "Hyperparameters",
        "hyperparameters.html.jinja",
        _hyperparameters,
        _hyperparameter_figures,
    ),
    Section("hours", "Hours and cost", "hours.html.jinja", _hours),
    Section("provenance", "Provenance", "provenance.html.jinja", _provenance),
    Section("card", "Model card", "card.html.jinja", _card),
)
"""In the order of the page."""
