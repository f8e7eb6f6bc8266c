"""The leaderboard as a Parquet file: its schema, and reading it back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from neurosweep.errors import RunDirectoryError
from reports.files import replace_bytes
from reports.leaderboard import LeaderboardRow
from reports.records import Origin, Stage, Status, Value

__all__ = ["FIXED_COLUMNS", "SCHEMA_VERSION", "read_leaderboard", "write_leaderboard"]

SCHEMA_VERSION = 1
"""Raised when a fixed column changes its name, its type or its meaning.

A new column does not raise it: a file of an earlier version has nothing measured there, and is
read as such.
"""

_VERSION_KEY = b"neurosweep.schema_version"
_HP = "hp."

_FIXED_SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),
        ("tie_group", pa.int64()),
        ("trial_id", pa.string()),
        ("stage", pa.string()),
        ("origin", pa.string()),
        ("family", pa.string()),
        ("backbone", pa.string()),
        ("weights", pa.string()),
        ("status", pa.string()),
        ("stop_reason", pa.string()),
        ("stop_detail", pa.string()),
        ("val_accuracy", pa.float64()),
        ("val_accuracy_low", pa.float64()),
        ("val_accuracy_high", pa.float64()),
        ("val_accuracy_corrected", pa.float64()),
        ("val_accuracy_corrected_low", pa.float64()),
        ("val_accuracy_corrected_high", pa.float64()),
        ("val_loss", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("test_accuracy_clean", pa.float64()),
        ("missed_positives", pa.int64()),
        ("missed_positives_clean", pa.int64()),
        ("cv_accuracy", pa.float64()),
        ("cv_accuracy_sd", pa.float64()),
        ("cv_folds", pa.int64()),
        ("pareto", pa.bool_()),
        ("feasible", pa.bool_()),
        ("repeats", pa.int64()),
        ("val_accuracy_mean", pa.float64()),
        ("val_accuracy_sd", pa.float64()),
        ("val_missed_positives", pa.int64()),
        ("parameters", pa.int64()),
        ("latency_ms", pa.float64()),
        ("epochs", pa.int64()),
        ("epochs_allowed", pa.int64()),
        ("kept_epoch", pa.int64()),
        ("seconds", pa.float64()),
        ("held_seconds", pa.float64()),
        ("seed", pa.int64()),
        ("image_size", pa.int64()),
        ("data_fingerprint", pa.string()),
        ("synthetic", pa.bool_()),
        ("started_at", pa.string()),
        ("finished_at", pa.string()),
        ("error", pa.string()),
        ("parent_id", pa.string()),
        ("hyperparameters", pa.string()),  # a JSON object, as are the next two
        ("runtime", pa.string()),
        ("fine_tune", pa.string()),
        ("setup_seconds", pa.float64()),
        ("tracing_seconds", pa.float64()),
        ("preprocessing", pa.string()),
        ("weights_hash", pa.string()),
        ("probe", pa.string()),  # a JSON object too
        ("multiply_adds", pa.int64()),
        ("worker_hours", pa.float64()),
        ("gpu_hours", pa.float64()),
        ("cost", pa.float64()),
        ("lost_workers", pa.int64()),
        ("lost_seconds", pa.float64()),
        ("accumulation", pa.int64()),
    ]
)
# Columns that files written before them lack.
_ADDED = frozenset(
    {"missed_positives_clean", "cv_accuracy", "cv_accuracy_sd", "cv_folds", "pareto", "feasible"}
    | {"repeats", "val_accuracy_mean", "val_accuracy_sd", "val_missed_positives", "held_seconds"}
    | {"stop_detail", "setup_seconds", "tracing_seconds"}
    | {"preprocessing", "weights_hash", "probe", "multiply_adds"}
    | {"worker_hours", "gpu_hours", "cost", "lost_workers", "lost_seconds"}
    | {"accumulation"}
    | {"val_accuracy_corrected", "val_accuracy_corrected_low", "val_accuracy_corrected_high"}
)
_JSON_COLUMNS = ("hyperparameters", "runtime", "fine_tune", "probe")

_AGAIN = "Delete it: `neurosweep leaderboard RUN` then ranks the trials anew"

FIXED_COLUMNS: tuple[str, ...] = tuple(_FIXED_SCHEMA.names)
"""The columns every leaderboard has; hyperparameters follow as `hp.NAME`."""


def write_leaderboard(rows: Sequence[LeaderboardRow], path: Path) -> None:
    """Write the rows as Parquet, with a column `hp.NAME` for each hyperparameter met.

    The file appears whole or not at all: it is written under another name and then renamed.

    Raises:
        NeurosweepError: It cannot be written; what was there before still is.
    """
    columns = {name: [_cell(row, name) for row in rows] for name in FIXED_COLUMNS}
    arrays = [pa.array(columns[field.name], field.type) for field in _FIXED_SCHEMA]
    names = list(FIXED_COLUMNS)
    for name in sorted({name for row in rows for name in row.hyperparameters}):
        arrays.append(_hyperparameter_array([row.hyperparameters.get(name) for row in rows]))
        names.append(_HP + name)
    table = pa.table(arrays, names=names)
    sink = pa.BufferOutputStream()
    metadata = {_VERSION_KEY: str(SCHEMA_VERSION).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), sink)
    replace_bytes(path, sink.getvalue().to_pybytes())


def read_leaderboard(path: Path) -> list[LeaderboardRow]:
    """Read the rows back, in the order they were written.

    Columns that were added since the file was written are None.

    Raises:
        RunDirectoryError: No such file, not a whole Parquet file, not a leaderboard, or one of
            another schema version.
    """
    table = _read_table(path)
    _check_version(table.schema.metadata or {}, path)
    missing = [name for name in FIXED_COLUMNS if name not in table.column_names]
    if not _ADDED.issuperset(missing):
        raise RunDirectoryError(
            f"a leaderboard has the columns {', '.join(FIXED_COLUMNS)}; {path} lacks "
            f"{', '.join(missing)}. {_AGAIN}."
        )
    present = [name for name in FIXED_COLUMNS if name not in missing]
    return [_row(cells) for cells in table.select(present).to_pylist()]


def _read_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise RunDirectoryError(
            f"a leaderboard is a Parquet file; there is none at {path}. "
            "`neurosweep leaderboard RUN` ranks the trials without it."
        )
    try:
        # Not `read_table`: its dataset machinery imports pandas, which takes a second.
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise RunDirectoryError(
            f"a leaderboard is a whole Parquet file; {path} is damaged ({error}). {_AGAIN}."
        ) from error


def _check_version(metadata: Mapping[bytes, bytes], path: Path) -> None:
    found = metadata.get(_VERSION_KEY, b"none").decode(errors="replace")
    if found != str(SCHEMA_VERSION):
        raise RunDirectoryError(
            f"this neurosweep reads leaderboards of schema version {SCHEMA_VERSION}; {path} has "
            f"version {found}. {_AGAIN}, or read it with the neurosweep that wrote it."
        )


def _cell(row: LeaderboardRow, name: str) -> object:
    value: object = getattr(row, name)
    if name in _JSON_COLUMNS and value is not None:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def _hyperparameter_array(values: Sequence[Value | None]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) == 1:
        return pa.array(values)
    # The same name with values of several kinds: as text, so that none is bent to another's.
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _row(cells: dict[str, Any]) -> LeaderboardRow:
    for name in _JSON_COLUMNS:
        if cells.get(name) is not None:
            cells[name] = json.loads(cells[name])
    kinds = {"stage": Stage, "origin": Origin, "status": Status}
    cells.update({name: kind(cells[name]) for name, kind in kinds.items()})
    return LeaderboardRow(**cells)


if set(FIXED_COLUMNS) != {field.name for field in fields(LeaderboardRow)}:
    raise RuntimeError("the Parquet schema and LeaderboardRow must have the same columns")
