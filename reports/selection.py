"""Which rows of a leaderboard are shown, and in what order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from neurosweep.errors import UserError
from reports.columns import cell, column_names, nearest, resolve_column
from reports.conditions import parse_conditions
from reports.leaderboard import LeaderboardRow

__all__ = ["Columns", "select_places", "select_rows"]

_MORE_IS_BETTER = frozenset(
    {"val_accuracy", "val_accuracy_low", "val_accuracy_high", "test_accuracy"}
    | {"test_accuracy_clean", "cv_accuracy", "cv_folds", "pareto", "feasible"}
    | {"repeats", "val_accuracy_mean", "val_accuracy_corrected"}
    | {"val_accuracy_corrected_low", "val_accuracy_corrected_high"}
    | {"test_accuracy_low", "test_accuracy_high"}
    | {"test_accuracy_clean_low", "test_accuracy_clean_high"}
    | {"val_macro_f1", "val_roc_auc", "test_macro_f1", "test_roc_auc"}
    | {"test_macro_f1_clean", "test_roc_auc_clean"}
)


class Columns(Protocol):
    """Rows that are looked at by column, each only when it is asked for.

    Attributes:
        columns: Names of all columns.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""

    def column(self, name: str) -> Sequence[object]:
        """The values of one column, one for each row; None where a row has none."""


@dataclass(frozen=True)
class _Rows:
    rows: Sequence[LeaderboardRow]

    @property
    def columns(self) -> tuple[str, ...]:
        return column_names(self.rows)

    def column(self, name: str) -> Sequence[object]:
        return [cell(row, name) for row in self.rows]


def select_rows(
    rows: Sequence[LeaderboardRow],
    *,
    sort: str | None = None,
    top: int | None = None,
    family: str | None = None,
    where: str | None = None,
) -> list[LeaderboardRow]:
    """Keep and order rows as `--family`, `--where`, `--sort` and `--top` say, in this order.

    Args:
        rows: In the leaderboard's order, which stays unless `sort` is given.
        sort: A column, best first: accuracies, F1 and areas under curves downwards, everything
            else upwards; `COLUMN:asc` and `COLUMN:desc` say it outright. Rows that have nothing
            there come last.
        top: How many rows to keep, at least 1.
        family: One family's rows only.
        where: Conditions, see `reports.conditions`.

    Raises:
        UserError: An unknown column or family, an expression outside the grammar, top below 1.
    """
    places = select_places(_Rows(rows), sort=sort, family=family, where=where)
    return [rows[place] for place in places[: checked_top(top)]]


def select_places(
    table: Columns, *, sort: str | None = None, family: str | None = None, where: str | None = None
) -> list[int]:
    """Give the places, from 0, of the rows that `select_rows` would keep without `top`, in order.

    Raises:
        UserError: An unknown column or family, or an expression outside the grammar.
    """
    families = table.column("family")
    chosen = [place for place, one in enumerate(families) if family is None or one == family]
    if family is not None and not chosen:
        raise _unknown_family(family, families)
    for condition in () if where is None else parse_conditions(where, table.columns):
        values = table.column(condition.column)
        chosen = [place for place in chosen if condition.holds(values[place])]
    return chosen if sort is None else _sorted(chosen, table, sort)


def checked_top(top: int | None) -> int | None:
    """Refuse a number of rows that is none.

    Raises:
        UserError: It is below 1.
    """
    if top is not None and top < 1:
        raise UserError(f"--top takes a number of rows from 1; received {top}")
    return top


def _sorted(places: Sequence[int], table: Columns, sort: str) -> list[int]:
    name, _, direction = sort.partition(":")
    column = resolve_column(name, table.columns)
    if direction not in ("", "asc", "desc"):
        raise UserError(f"--sort takes COLUMN, COLUMN:asc or COLUMN:desc; received {sort!r}")
    downwards = direction == "desc" or (direction == "" and column in _MORE_IS_BETTER)
    values = table.column(column)
    filled = [place for place in places if values[place] is not None]
    empty = [place for place in places if values[place] is None]
    return [*sorted(filled, key=lambda place: _key(values[place]), reverse=downwards), *empty]


def _key(value: object) -> tuple[bool, float, str]:
    # Numbers before text, so that a hyperparameter with values of several kinds can be sorted.
    if isinstance(value, int | float):
        return False, value, ""
    return True, 0.0, str(value)


def _unknown_family(family: str, families: Sequence[object]) -> UserError:
    present = sorted(map(str, set(families)))
    return UserError(
        f"--family takes a family that this run tried; received {family!r}"
        f"{nearest(family, present)}. It tried: {', '.join(present) or 'none yet'}."
    )
