"""Files of the cache: written whole or not at all, tables read column by column."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["read_table", "remove_unfinished", "table_bytes", "write_whole"]

_ASIDE = re.compile(r".+\.[0-9a-f]{8}\.partial")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers, and a computer that loses power, have all of it or none.

    Its folder is made where it is missing. A link is followed; what is there and no regular file, a
    device or a pipe, is written to and not replaced.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove, at any depth, what `write_whole` leaves behind in a process that is killed.

    Nobody may be writing there: a file in the making is not told from one that was left.

    Raises:
        OSError: One cannot be removed.
    """
    for path in folder.rglob("*.partial"):
        if _ASIDE.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file, or some of its columns.

    Raises:
        OSError: There is no such file, or it cannot be read.
        pyarrow.ArrowException: It is not Parquet.
        KeyError: It lacks a column.
    """
    # Not `pyarrow.parquet.read_table`: its dataset machinery imports pandas, which takes a second.
    with pq.ParquetFile(path) as file:
        table = file.read() if columns is None else file.read(columns=list(columns))
    missing = set(columns or ()) - set(table.column_names)
    if missing:
        raise KeyError(f"columns {', '.join(sorted(missing))} are missing")
    return table
