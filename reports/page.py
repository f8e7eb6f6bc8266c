"""What the report's sections are made from, and what a section is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reports.backbones import Screening, screening_of
from reports.data_section import DataSection, data_section
from reports.figures.figure import Figure
from reports.figures.palette import Look, looks_of
from reports.hours_section import HoursSection, hours_section
from reports.leaderboard import LeaderboardRow
from reports.model_section import ModelSection, model_section
from reports.pictures_section import PicturesSection, pictures_section
from reports.run import Run
from reports.tested_on import two_ways
from reports.wording import is_papers_setting

__all__ = ["MOST_ROWS", "Page", "Section", "no_figures"]

MOST_ROWS = 100
"""The page shows this many rows of the leaderboard and every row of the papers."""


@dataclass(frozen=True)
class Page:
    """One report: a run, its leaderboard, and what several sections ask of them.

    Attributes:
        run: The run directory.
        rows: Its leaderboard, in order.
        images: Whether thumbnails of the run's images may be shown; names of files always are.
    """

    run: Run
    rows: Sequence[LeaderboardRow]
    images: bool = True

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """Colour and marker of each family."""
        return looks_of(row.family for row in self.rows)

    @cached_property
    def shown(self) -> list[LeaderboardRow]:
        """The rows that the page lists."""
        places = enumerate(self.rows)
        return [row for place, row in places if place < MOST_ROWS or is_papers_setting(row)]

    @cached_property
    def screening(self) -> Screening | None:
        """The screened backbones; None where there were none."""
        return screening_of(self.run, self.rows)

    @cached_property
    def hours(self) -> HoursSection | None:
        """What workers were held for; None where the run does not say."""
        return hours_section(self.run, self.rows)

    @cached_property
    def model(self) -> ModelSection:
        """The winner's network, and its answers on the test set.

        Raises:
            RunDirectoryError: A file that it is drawn from is damaged.
        """
        return model_section(self.run, self.rows, self.looks)

    @cached_property
    def data(self) -> DataSection:
        """The images: what they are, what the audit found, how they were split."""
        return data_section(self.run, images=self.images)

    @cached_property
    def pictures(self) -> PicturesSection | None:
        """The winner's errors and explanations; None before the test set was opened.

        Raises:
            RunDirectoryError: A file that they are drawn from is damaged.
        """
        return pictures_section(self.run, self.rows, images=self.images)

    @property
    def two_ways(self) -> bool:
        """Whether figures on clean test images stand beside those on all."""
        return two_ways(self.run.evaluation, self.rows)


def no_figures(page: Page) -> Sequence[Figure]:
    """The figures of a section that has none."""
    del page
    return ()


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Attributes:
        key: Its anchor, which its template carries as id; once per report.
        title: Its name in the list of sections.
        template: File in `reports/templates`; it is given `run`, `looks`, `images`, `figures`
            (those of this section) and what `context` returns, and escapes all of it.
        context: What the template needs beside; None leaves the section out.
        figures: What it draws, in order; these are also what `report --figures` writes.
    """

    key: str
    title: str
    template: str
    context: Callable[[Page], Mapping[str, Any] | None]
    figures: Callable[[Page], Sequence[Figure]] = no_figures
