"""The screened backbones as a table, the same in HTML and in Markdown."""

from collections.abc import Callable
from dataclasses import dataclass

from reports.backbones import Screened, Screening
from reports.wording import NONE, count, duration, interval, model, percent

__all__ = ["Column", "ScreeningTable", "screening_table"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: With its unit.
        write: Gives a probe's cell.
        is_number: Whether cells are set to the right.
    """

    title: str
    write: Callable[[Screened], str]
    is_number: bool = True


@dataclass(frozen=True)
class ScreeningTable:
    """A line for each probe, with as many cells as there are columns."""

    columns: tuple[Column, ...]
    lines: tuple[tuple[Screened, tuple[str, ...]], ...]


def screening_table(screening: Screening) -> ScreeningTable:
    """Lay out the probes in the order of the figure, without columns that are empty."""
    columns = tuple(
        column
        for column in _COLUMNS
        if column not in _OPTIONAL or any(column.write(one) != NONE for one in screening.probes)
    )
    lines = tuple((one, tuple(column.write(one) for column in columns)) for one in screening.probes)
    return ScreeningTable(columns, lines)


def _images(one: Screened) -> str:
    if one.probe.train_images is None:
        return NONE
    share = "" if one.seen is None else f" ({percent(one.seen, 0)} %)"
    return f"{one.probe.train_images:,}{share}"


_OPTIONAL = (
    Column("Weights", lambda one: count(one.row.parameters)),
    Column("Multiply-adds", lambda one: count(one.row.multiply_adds)),
)
_COLUMNS = (
    Column("Backbone", lambda one: model(one.row), is_number=False),
    Column("Preprocessing", lambda one: one.preprocessing, is_number=False),
    Column("Probe, %", lambda one: percent(one.row.val_accuracy)),
    Column(
        "95 % interval", lambda one: interval(one.row.val_accuracy_low, one.row.val_accuracy_high)
    ),
    Column("Best search trial, %", lambda one: percent(one.searched)),
    Column("Training images seen", _images),
    Column("Time", lambda one: duration(one.row.seconds)),
    *_OPTIONAL,
    Column("Outcome", lambda one: one.outcome, is_number=False),
)
