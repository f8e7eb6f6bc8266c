"""The leaderboard as a Parquet file: writing it, and reading it back whole or in part."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from neurosweep.errors import RunDirectoryError
from reports.files import MOST_BYTES, replace_bytes
from reports.leaderboard import LeaderboardRow
from reports.parquet_schema import (
    ADDED,
    FIXED_COLUMNS,
    FIXED_SCHEMA,
    JSON_COLUMNS,
    SCHEMA_VERSION,
)
from reports.records import Origin, Stage, Status, Value

__all__ = [
    "FIXED_COLUMNS",
    "SCHEMA_VERSION",
    "StoredLeaderboard",
    "read_leaderboard",
    "write_leaderboard",
]

_VERSION_KEY = b"neurosweep.schema_version"
_NOTES_KEY = b"neurosweep.notes"
_HP = "hp."
_MOST_UNPACKED = 1024**3
"""Bytes of all columns unpacked: a larger file is none of ours, but one made to fill the memory."""

_ONE_BY_ONE = 10
"""Times that a cell takes longer to read alone than among those of its whole column, about."""

_KINDS: Mapping[str, Callable[[Any], object]] = {
    "stage": Stage,
    "origin": Origin,
    "status": Status,
    **dict.fromkeys(JSON_COLUMNS, json.loads),
}
"""What turns a cell of the file into a row's value, where they differ."""

_NEVER_EMPTY = tuple(
    field.name
    for field in fields(LeaderboardRow)
    if field.default is MISSING or field.name == "weights"
)
"""Columns that each row has: a record cannot be without them."""

_AGAIN = "Delete it: `neurosweep leaderboard RUN` then ranks the trials anew"


def write_leaderboard(
    rows: Sequence[LeaderboardRow], path: Path, notes: Sequence[str] = ()
) -> None:
    """Write the rows as Parquet, with a column `hp.NAME` for each hyperparameter met.

    The file appears whole or not at all: it is written under another name and then renamed.

    Args:
        rows: In order.
        path: The file.
        notes: What must be said of them wherever they are shown; kept in the file's metadata.

    Raises:
        RunDirectoryError: A number does not fit into the 64 bits of its column.
        NeurosweepError: It cannot be written; what was there before still is.
    """
    arrays = [_array([_cell(row, one.name) for row in rows], one) for one in FIXED_SCHEMA]
    names = list(FIXED_COLUMNS)
    for name in sorted({name for row in rows for name in row.hyperparameters}):
        arrays.append(_hyperparameter_array([row.hyperparameters.get(name) for row in rows]))
        names.append(_HP + name)
    table = pa.table(arrays, names=names)
    sink = pa.BufferOutputStream()
    metadata = {
        _VERSION_KEY: str(SCHEMA_VERSION).encode(),
        _NOTES_KEY: json.dumps(list(notes), ensure_ascii=False).encode(),
    }
    # Most columns have few values that differ, so a dictionary of them and zstd make it small.
    pq.write_table(
        table.replace_schema_metadata(metadata), sink, compression="zstd", use_dictionary=True
    )
    replace_bytes(path, sink.getvalue().to_pybytes())


def read_leaderboard(path: Path) -> list[LeaderboardRow]:
    """Read the rows back, in the order they were written.

    Columns that were added since the file was written are None.

    Raises:
        RunDirectoryError: No such file, not a whole Parquet file, not a leaderboard, or one of
            another schema version.
    """
    stored = StoredLeaderboard(path)
    return stored.rows(range(stored.length))


class StoredLeaderboard:
    """A leaderboard's file, of which only those columns and rows are read that are asked for.

    Attributes:
        length: Number of rows.
        notes: What must be said of the rows wherever they are shown.
        missing: Columns that the file lacks, since it is older than they.
        columns: All that can be asked for.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and look at its schema.

        Raises:
            RunDirectoryError: No such file, not a whole Parquet file, not a leaderboard, or one of
                another schema version.
        """
        self._path = path
        if not path.is_file():
            raise RunDirectoryError(
                f"a leaderboard is a Parquet file; there is none at {path}. "
                "`neurosweep leaderboard RUN` ranks the trials without it."
            )
        if path.stat().st_size > MOST_BYTES:
            raise self._damaged(f"it has more than {MOST_BYTES:,} bytes")
        try:
            self._content = path.read_bytes()
            with self._open() as file:
                metadata, schema = file.metadata, file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error) from error
        groups = range(metadata.num_row_groups)
        if sum(metadata.row_group(one).total_byte_size for one in groups) > _MOST_UNPACKED:
            raise self._damaged(f"it unpacks to more than {_MOST_UNPACKED:,} bytes")
        _check_version(schema.metadata or {}, path)
        self.length: int = metadata.num_rows
        self.notes = self._read_notes((schema.metadata or {}).get(_NOTES_KEY, b"[]"))
        self._names = frozenset(schema.names)
        self.missing = tuple(name for name in FIXED_COLUMNS if name not in self._names)
        if not ADDED.issuperset(self.missing):
            raise RunDirectoryError(
                f"a leaderboard has the columns {', '.join(FIXED_COLUMNS)}; {path} lacks "
                f"{', '.join(self.missing)}. {_AGAIN}."
            )
        of_hyperparameters = sorted(name for name in self._names if name.startswith(_HP))
        self.columns: tuple[str, ...] = (*FIXED_COLUMNS, *of_hyperparameters)

    def column(self, name: str) -> Sequence[object]:
        """The values of one column, one for each row.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        if name.startswith(_HP):
            # Not the column of that name: in it values of several kinds have become text.
            own = name.removeprefix(_HP)
            return [values.get(own) for values in self._hyperparameters]
        return self._read([name])[name]

    def rows(self, places: Sequence[int]) -> list[LeaderboardRow]:
        """The rows in these places, which count from 0; no other is made.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        columns = self._read(FIXED_COLUMNS, places)
        for name in _NEVER_EMPTY:
            if None in columns[name]:
                raise self._damaged(f"a row has no {name}")
        cells: Any = zip(*columns.values(), strict=True)
        return [LeaderboardRow(**dict(zip(columns, row, strict=True))) for row in cells]

    def _read_notes(self, text: bytes) -> tuple[str, ...]:
        try:
            notes = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(error) from error
        if not (isinstance(notes, list) and all(isinstance(note, str) for note in notes)):
            raise self._damaged("its notes are no list of sentences")
        return tuple(notes)

    @cached_property
    def _hyperparameters(self) -> Sequence[dict[str, Value]]:
        return cast(
            "Sequence[dict[str, Value]]", self._read(["hyperparameters"])["hyperparameters"]
        )

    def _read(
        self, names: Sequence[str], places: Sequence[int] | None = None
    ) -> dict[str, Sequence[object]]:
        """Values by column, of all rows or of those in some places; None in a missing column."""
        present = [name for name in names if name in self._names]
        try:
            with self._open() as file:
                table = file.read(columns=present)
            chosen = range(table.num_rows) if places is None else places
            found = {name: _values(_cells(_typed(table, name), chosen), name) for name in present}
        except (pa.ArrowException, OSError, ValueError, TypeError, RecursionError) as error:
            raise self._damaged(error) from error
        nothing = [None] * len(chosen)
        return {name: found.get(name, nothing) for name in names}

    def _open(self) -> pq.ParquetFile:
        # Not `read_table`: its dataset machinery imports pandas, which takes a second.
        return pq.ParquetFile(pa.BufferReader(self._content))

    def _damaged(self, why: object) -> RunDirectoryError:
        return RunDirectoryError(
            f"a leaderboard is a whole Parquet file; {self._path} is damaged ({why}). {_AGAIN}."
        )


def _typed(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column with its documented type: another program may have written text as large text."""
    column, wanted = table.column(name), FIXED_SCHEMA.field(name).type
    return column if column.type == wanted else column.cast(wanted)


def _cells(column: pa.ChunkedArray, places: Sequence[int]) -> list[Any]:
    """Some cells of a column, in the order of their places."""
    # Not `take`: it imports pandas, which takes half a second.
    if len(places) * _ONE_BY_ONE < len(column):
        return [column[place].as_py() for place in places]
    cells = column.to_pylist()
    return [cells[place] for place in places]


def _values(cells: list[Any], name: str) -> list[object]:
    kind = _KINDS.get(name)
    if kind is None:
        return cells
    return [None if cell is None else kind(cell) for cell in cells]


def _check_version(metadata: Mapping[bytes, bytes], path: Path) -> None:
    found = metadata.get(_VERSION_KEY, b"none").decode(errors="replace")
    if found != str(SCHEMA_VERSION):
        raise RunDirectoryError(
            f"this neurosweep reads leaderboards of schema version {SCHEMA_VERSION}; {path} has "
            f"version {found}. {_AGAIN}, or read it with the neurosweep that wrote it."
        )


def _cell(row: LeaderboardRow, name: str) -> object:
    value: object = getattr(row, name)
    if name in JSON_COLUMNS and value is not None:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def _array(values: Sequence[object], column: pa.Field) -> pa.Array:
    try:
        return pa.array(values, column.type)
    except OverflowError as error:
        raise RunDirectoryError(
            f"a number of the column {column.name} has at most 64 bits; one of the trials' is "
            "larger. Was trials.jsonl edited?"
        ) from error


def _hyperparameter_array(values: Sequence[Value | None]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) == 1:
        return pa.array(values)
    # The same name with values of several kinds: as text, so that none is bent to another's.
    return pa.array([None if value is None else str(value) for value in values], pa.string())


if set(FIXED_COLUMNS) != {field.name for field in fields(LeaderboardRow)}:
    raise RuntimeError("the Parquet schema and LeaderboardRow must have the same columns")
