"""report.html: one file that opens anywhere, without a network, and is whole without scripts.

The templates escape whatever they are given: names of classes, files and trials come from folders
and files that others wrote. Only our own style sheets and script and the figures, which are built
as trees and escaped there, go in as markup. Pictures go in as `data:` addresses, see
`reports.pictures`. The page's policy allows our one script by its hash and no other, and no address
outside the page.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neurosweep import __version__
from reports.backbones import UNIT_MEANING
from reports.figures.downloads import csv_address, numbers_address
from reports.figures.figure import Figure
from reports.files import replace_text
from reports.latency import latency_in_words
from reports.leaderboard import LeaderboardRow
from reports.page import MOST_ROWS, Page, Section
from reports.printing import find_browser, print_page
from reports.run import Run
from reports.sections import SECTIONS
from reports.summary import summarise
from reports.wording import (
    NONE,
    PAPER_NOTE,
    SYNTHETIC_NOTE,
    amount,
    count,
    duration,
    epochs,
    interval,
    marks,
    model,
    percent,
    setting,
    spread,
    trial_name,
)

__all__ = [
    "MOST_ROWS",
    "render_report",
    "report_figures",
    "write_pdf_report",
    "write_report",
]

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("colours.css", "figures.css", "report.css", "pictures.css")
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


def write_pdf_report(
    run: Run, rows: Sequence[LeaderboardRow], path: Path, *, images: bool = True
) -> None:
    """Print the report into a PDF file.

    Raises:
        UserError: There is no Chromium to print it.
        NeurosweepError: It could not be printed.
    """
    find_browser()  # before the page is laid out, which takes longer
    print_page(render_report(run, rows, images=images), path)


def render_report(run: Run, rows: Sequence[LeaderboardRow], *, images: bool = True) -> str:
    """Lay out the report of a run in any state, an unfinished one marked as such.

    Args:
        run: The run directory.
        rows: Its leaderboard, in order.
        images: Whether thumbnails of the run's images are shown; names of files always are.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    page, environment = Page(run, rows, images), _environment()
    script = _read("report.js")
    return environment.get_template("report.html.jinja").render(
        run=run,
        version=__version__,
        warnings=summarise(run, rows).warnings,
        sections=list(_rendered(page, environment)),
        style=Markup("\n".join(map(_read, _STYLES))),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        script_hash=_hash(script),
    )


def report_figures(
    run: Run, rows: Sequence[LeaderboardRow], *, images: bool = True
) -> list[Figure]:
    """Draw the figures of all sections that the report of this run has, in its order.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    page = Page(run, rows, images)
    return [figure for section in SECTIONS for figure in section.figures(page)]


@dataclass(frozen=True)
class _Rendered:
    key: str
    title: str
    markup: Markup


def _rendered(page: Page, environment: Environment) -> Iterator[_Rendered]:
    for section in SECTIONS:
        markup = _render(section, page, environment)
        if markup is not None:
            yield _Rendered(section.key, section.title, markup)


def _render(section: Section, page: Page, environment: Environment) -> Markup | None:
    context = section.context(page)
    if context is None:
        return None
    common = {"run": page.run, "looks": page.looks, "images": page.images}
    text = environment.get_template(section.template).render(
        **common, figures=section.figures(page), **context
    )
    return Markup(text)  # noqa: S704 - the template escaped what it was given


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _WORDING})
    environment.filters.update(
        by_caption=_by_caption,
        csv_address=csv_address,
        numbers_address=numbers_address,
        picture=_picture,
    )
    environment.globals.update(
        NONE=NONE,
        latency_in_words=latency_in_words,
        PAPER_NOTE=PAPER_NOTE,
        SYNTHETIC_NOTE=SYNTHETIC_NOTE,
        UNIT_MEANING=UNIT_MEANING,
    )
    return environment


def _by_caption(figures: Sequence[Figure]) -> list[tuple[str, list[Figure]]]:
    """Neighbours that say the same, so that it is said once."""
    return [(caption, list(own)) for caption, own in groupby(figures, lambda one: one.caption)]


def _picture(figure: Figure) -> Markup:
    # Charts come out of an element tree, which escaped every text in them.
    return Markup(figure.chart)  # noqa: S704


@cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """How a page's policy names an inline script: the text between its tags, byte by byte."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
