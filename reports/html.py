"""report.html: one file that opens anywhere, without a network and without scripts.

The template escapes whatever it is given: names of classes, files and trials come from folders
and files that others wrote. Only our own style sheet and the figures, which are built as trees
and escaped there, go in as markup. Pictures go in as `data:` addresses, see `reports.pictures`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neurosweep import __version__
from reports.backbones import UNIT_MEANING, Screening, screening_of
from reports.data_section import data_section
from reports.figures.learning import Panel, fine_tuning_panel, learning_panels
from reports.figures.palette import Look, looks_of
from reports.figures.progress import progress_panels
from reports.figures.screening import screening_chart, screening_styles
from reports.files import replace_text
from reports.folds import fold_scale, folded_rows
from reports.hours_section import hours_section
from reports.leaderboard import LeaderboardRow
from reports.papers import ASSUMPTIONS, compare_with_papers
from reports.provenance import provenance, stage_times
from reports.records import Status
from reports.run import Run
from reports.screening_table import screening_table
from reports.summary import summarise
from reports.tested_on import all_clean, two_ways, which_images
from reports.verdicts import verdicts
from reports.wording import (
    NONE,
    PAPER_NOTE,
    SYNTHETIC_NOTE,
    amount,
    count,
    duration,
    epochs,
    interval,
    is_papers_setting,
    marks,
    model,
    percent,
    picture_note,
    setting,
    spread,
    trial_name,
)

__all__ = ["MOST_ROWS", "render_report", "write_report"]

MOST_ROWS = 100
"""The page shows this many rows of the leaderboard and every row of the papers."""

_CONFIGURATIONS = 5
_TEMPLATES = Path(__file__).parent / "templates"
_WORDING = (
    *(amount, count, duration, epochs, interval),
    *(marks, model, percent, setting, spread, trial_name),
)


def write_report(
    run: Run, rows: Sequence[LeaderboardRow], path: Path, *, images: bool = True
) -> None:
    """Write the report as `render_report` lays it out; it appears whole or not at all.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    replace_text(path, render_report(run, rows, images=images))


def render_report(run: Run, rows: Sequence[LeaderboardRow], *, images: bool = True) -> str:
    """Lay out the report of a run in any state, an unfinished one marked as such.

    Args:
        run: The run directory.
        rows: Its leaderboard, in order.
        images: Whether thumbnails of the run's images are shown; names of files always are.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    looks = looks_of(row.family for row in rows)
    learning = learning_panels(run, rows, looks)
    tuning = fine_tuning_panel(run, rows, looks)
    data = data_section(run, images=images)
    folds = folded_rows(run.cross_validation, rows)
    shown = [row for place, row in enumerate(rows) if place < MOST_ROWS or is_papers_setting(row)]
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            run=run,
            version=__version__,
            summary=summarise(run, rows),
            rows=shown,
            hidden=len(rows) - len(shown),
            tied=any(row.tie_group is not None for row in shown),
            scale=_scale(shown),
            looks=looks,
            configurations=[row for row in rows if row.rank is not None][:_CONFIGURATIONS],
            papers=compare_with_papers(rows),
            papers_settings=any(map(is_papers_setting, rows)),
            assumptions=ASSUMPTIONS,
            learning=_markup(learning),
            tuning=_markup([tuning] if tuning else []),
            progress=_markup(progress_panels(run, looks)),
            undrawn=sum(panel.left_out for panel in learning),
            data=data,
            images=images,
            picture_note=picture_note(data.pictures, left_out=not images, synthetic=run.synthetic),
            verdicts=verdicts(run.evaluation, rows),
            two_ways=two_ways(run.evaluation, rows),
            which_images=which_images(run.evaluation),
            all_clean=all_clean(run.evaluation),
            folds=folds,
            fold_scale=fold_scale(folds),
            hours=hours_section(run, rows),
            failures=[row for row in rows if row.status is Status.FAILED],
            times=stage_times(run),
            provenance=provenance(run),
            **_screening(screening_of(run, rows), looks),
        )
    )


def _screening(screening: Screening | None, looks: Mapping[str, Look]) -> dict[str, Any]:
    if screening is None:
        return {"screening": None}
    chart = Markup(screening_chart(screening, looks))  # noqa: S704 - an element tree, see _markup
    return {
        "screening": screening,
        "screening_chart": chart,
        "screening_styles": screening_styles(screening, looks),
        "screening_table": screening_table(screening),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _WORDING})
    environment.globals.update(
        NONE=NONE,
        PAPER_NOTE=PAPER_NOTE,
        SYNTHETIC_NOTE=SYNTHETIC_NOTE,
        UNIT_MEANING=UNIT_MEANING,
        style=_style(),
    )
    return environment


def _style() -> Markup:
    return Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - ours


def _markup(panels: Sequence[Panel]) -> list[tuple[str, Markup]]:
    # Charts come out of an element tree, which escaped every text in them.
    return [(panel.title, Markup(panel.chart)) for panel in panels]  # noqa: S704


def _scale(rows: Sequence[LeaderboardRow]) -> tuple[float, float]:
    # One scale for all intervals, made for the better half of the ranked rows: with the worst in
    # view too, those that compete could not be told apart.
    lows = [row.val_accuracy_low for row in rows if row.rank and row.val_accuracy_low is not None]
    better = lows[: max(3, len(lows) // 2)]
    return int(min(better, default=0.0) * 20) / 20, 1.0
