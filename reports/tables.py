"""Tables of a run directory as Parquet: columns of known types in which nothing is empty."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from neurosweep.errors import RunDirectoryError

__all__ = ["Kind", "read_table"]

Kind = Literal["text", "integer"]

_TYPES: Mapping[Kind, pa.DataType] = {"text": pa.string(), "integer": pa.int64()}


def read_table(
    path: Path, columns: Mapping[str, Kind], *, optional: Mapping[str, Kind], advice: str
) -> pa.Table:
    """Read some columns of a Parquet file; others are left out.

    Args:
        path: The file.
        columns: What each of its columns holds.
        optional: The same of columns that runs of earlier versions lack.
        advice: What to do if the file does not hold them, for the message.

    Returns:
        The columns in this order, as 64-bit integers and texts; no value is missing.

    Raises:
        RunDirectoryError: The file is missing or damaged, lacks a column, or has one of another
            type or with an empty cell.
    """
    try:
        # Not `pq.read_table`: its dataset machinery imports pandas, which takes a second.
        with pq.ParquetFile(path) as file:
            table = file.read(columns=[*columns, *optional])
        present = {name: kind for name, kind in optional.items() if name in table.column_names}
        wanted = {**columns, **present}
        read = pa.table({name: _column(table, name, kind) for name, kind in wanted.items()})
        read.validate(full=True)  # texts that are no UTF-8, among other things
    # Damage is told by whatever part of the reader meets it first.
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise RunDirectoryError(
            f"{path} must be a Parquet file with columns {', '.join(columns)}; received "
            f"something else ({error}). {advice}"
        ) from error
    return read


def _column(table: pa.Table, name: str, kind: Kind) -> pa.ChunkedArray:
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"{column.null_count:,} of {len(column):,} rows have no {name}")
    # Other programs write long texts, or numbers for them with the texts aside.
    held = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(held) or pa.types.is_large_string(held)
    if not (is_text if kind == "text" else pa.types.is_integer(held)):
        raise TypeError(f"{name} is {held}")
    return column.cast(_TYPES[kind])
