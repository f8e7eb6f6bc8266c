"""The columns of a leaderboard by name: fixed ones, and `hp.NAME` for hyperparameters."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from neurosweep.errors import UserError
from reports.leaderboard import LeaderboardRow
from reports.parquet import FIXED_COLUMNS
from reports.several import RowOfRun

__all__ = ["cell", "column_names", "fixed_columns", "nearest", "resolve_column"]

_HP = "hp."


def column_names(rows: Iterable[LeaderboardRow]) -> tuple[str, ...]:
    """List the columns these rows have: the fixed ones, then the hyperparameters by name."""
    rows = tuple(rows)
    names = sorted({name for row in rows for name in row.hyperparameters})
    return fixed_columns(rows) + tuple(_HP + name for name in names)


def fixed_columns(rows: Iterable[LeaderboardRow]) -> tuple[str, ...]:
    """List the columns that every such leaderboard has; `run` leads for rows of several runs."""
    several = any(isinstance(row, RowOfRun) for row in rows)
    return ("run", *FIXED_COLUMNS) if several else FIXED_COLUMNS


def resolve_column(name: str, known: Sequence[str]) -> str:
    """Find a column by its name; a hyperparameter also goes without `hp.`.

    Raises:
        UserError: There is no such column; the message names the nearest.
    """
    for candidate in (name, _HP + name):
        if candidate in known:
            return candidate
    raise UserError(
        f"a column is one of the leaderboard's; there is no {name!r}"
        f"{nearest(name, known)}. `--format csv` shows them all."
    )


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name comes nearest, or nothing."""
    # A hyperparameter is looked for by its own name too: people leave `hp.` out.
    plain = {known_name.removeprefix(_HP).lower(): known_name for known_name in known}
    found = get_close_matches(name.removeprefix(_HP).lower(), plain, n=1, cutoff=0.5)
    return f" (nearest: {plain[found[0]]})" if found else ""


def cell(row: LeaderboardRow, column: str) -> object:
    """Give a row's value in a resolved column; None where it has none."""
    if column.startswith(_HP):
        return row.hyperparameters.get(column.removeprefix(_HP))
    value: object = getattr(row, column)
    return value
