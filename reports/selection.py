"""Which rows of a leaderboard are shown, and in what order."""

from collections.abc import Sequence

from neurosweep.errors import UserError
from reports.columns import cell, column_names, nearest, resolve_column
from reports.conditions import parse_conditions
from reports.leaderboard import LeaderboardRow

__all__ = ["select_rows"]

_MORE_IS_BETTER = frozenset(
    {"val_accuracy", "val_accuracy_low", "val_accuracy_high", "test_accuracy"}
    | {"test_accuracy_clean", "cv_accuracy", "cv_folds", "pareto", "feasible"}
    | {"repeats", "val_accuracy_mean", "val_accuracy_corrected"}
    | {"val_accuracy_corrected_low", "val_accuracy_corrected_high"}
)


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
        sort: A column, best first: accuracies downwards, everything else upwards; `COLUMN:asc`
            and `COLUMN:desc` say it outright. Rows that have nothing there come last.
        top: How many rows to keep, at least 1.
        family: One family's rows only.
        where: Conditions, see `reports.conditions`.

    Raises:
        UserError: An unknown column or family, an expression outside the grammar, top below 1.
    """
    known = column_names(rows)
    chosen = [row for row in rows if family is None or row.family == family]
    if family is not None and not chosen:
        raise _unknown_family(family, rows)
    if where is not None:
        conditions = parse_conditions(where, known)
        chosen = [row for row in chosen if all(one.meets(row) for one in conditions)]
    if sort is not None:
        chosen = _sorted(chosen, sort, known)
    if top is not None and top < 1:
        raise UserError(f"--top takes a number of rows from 1; received {top}")
    return chosen[:top]


def _sorted(
    rows: Sequence[LeaderboardRow], sort: str, known: Sequence[str]
) -> list[LeaderboardRow]:
    name, _, direction = sort.partition(":")
    column = resolve_column(name, known)
    if direction not in ("", "asc", "desc"):
        raise UserError(f"--sort takes COLUMN, COLUMN:asc or COLUMN:desc; received {sort!r}")
    downwards = direction == "desc" or (direction == "" and column in _MORE_IS_BETTER)
    filled = [row for row in rows if cell(row, column) is not None]
    empty = [row for row in rows if cell(row, column) is None]
    return [*sorted(filled, key=lambda row: _key(row, column), reverse=downwards), *empty]


def _key(row: LeaderboardRow, column: str) -> tuple[bool, float, str]:
    # Numbers before text, so that a hyperparameter with values of several kinds can be sorted.
    value = cell(row, column)
    if isinstance(value, int | float):
        return False, value, ""
    return True, 0.0, str(value)


def _unknown_family(family: str, rows: Sequence[LeaderboardRow]) -> UserError:
    present = sorted({row.family for row in rows})
    return UserError(
        f"--family takes a family that this run tried; received {family!r}"
        f"{nearest(family, present)}. It tried: {', '.join(present) or 'none yet'}."
    )
