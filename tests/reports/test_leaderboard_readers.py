"""leaderboard.parquet as other programs read it, its size, and what a damaged one is answered."""

import json
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.leaderboard_size import write_run
from neurosweep.errors import RunDirectoryError
from reports import build_leaderboard, read_leaderboard, read_run, write_leaderboard
from reports.parquet import FIXED_COLUMNS
from reports.parquet_schema import FIXED_SCHEMA, JSON_COLUMNS

DOCUMENT = Path(__file__).parents[2] / "docs" / "report.md"


@pytest.fixture
def file(rows, tmp_path: Path) -> Path:
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    return path


def test_pandas_reads_it(file: Path, rows):
    table = pd.read_parquet(file)
    assert table["trial_id"].tolist() == [row.trial_id for row in rows]
    assert table["val_accuracy"].tolist()[:3] == [row.val_accuracy for row in rows[:3]]
    assert json.loads(table["test_classes"][0]) == rows[0].test_classes
    assert str(table["rank"].dtype) in ("float64", "Int64")  # it has empty cells
    best = table.sort_values("hp.training/learning_rate").iloc[-1]
    assert best["hp.training/learning_rate"] == max(
        row.hyperparameters["training/learning_rate"] for row in rows
    )


def test_polars_reads_it(file: Path, rows):
    table = pl.read_parquet(file)
    assert table.columns[: len(FIXED_COLUMNS)] == list(FIXED_COLUMNS)
    assert table["rank"].to_list() == [row.rank for row in rows]
    lazily = pl.scan_parquet(file).filter(pl.col("status") == "completed").select("test_macro_f1")
    wanted = [row.test_macro_f1 for row in rows if row.status == "completed"]
    assert lazily.collect()["test_macro_f1"].to_list() == wanted


def test_duckdb_reads_it(file: Path, rows):
    found = duckdb.read_parquet(str(file)).filter("rank <= 3").order("rank")
    read = found.select("trial_id", '"hp.training/batch_size"', "val_accuracy").fetchall()
    assert read == [(row.trial_id, 32, row.val_accuracy) for row in rows[:3]]
    counted = found.aggregate("count(*), max(val_accuracy)").fetchall()
    assert counted == [(3, rows[0].val_accuracy)]


def test_what_another_program_wrote_again_is_read(file: Path, rows):
    metadata = pq.read_schema(file).metadata
    table = pl.read_parquet(file).to_arrow().replace_schema_metadata(metadata)
    assert table.schema.field("trial_id").type != pa.string()  # large text, or a view of it
    pq.write_table(table, file)
    assert read_leaderboard(file) == rows


def test_ten_thousand_rows_are_small(tmp_path: Path):
    run = write_run(tmp_path / "run", 10_000)
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(build_leaderboard(read_run(run)), path)
    assert path.stat().st_size < 5_000_000
    with pq.ParquetFile(path) as opened:
        assert opened.metadata.num_rows == 10_000
        columns = [opened.metadata.row_group(0).column(place) for place in range(20)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert any("RLE_DICTIONARY" in column.encodings for column in columns)


def test_a_file_cut_off_anywhere_is_told(file: Path, rows):
    whole = file.read_bytes()
    for length in (0, 3, 4, 8, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(RunDirectoryError, match="whole Parquet file; .* is damaged"):
            read_leaderboard(file)


def test_bytes_that_changed_inside_are_told_or_harmless(file: Path, rows):
    whole = file.read_bytes()
    for place in range(4, len(whole), max(1, len(whole) // 60)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert len(read_leaderboard(file)) == len(rows)
        except RunDirectoryError as error:
            assert str(file) in str(error) or "trials.jsonl" in str(error)  # noqa: PT017


def rewritten(file: Path, name: str, values: pa.Array) -> None:
    table = pq.read_table(file)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, values), file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hyperparameters", "{"),
        ("val_classes", "[" * 100_000),
        ("stage", "no stage"),
        ("seconds", "long"),
    ],
)
def test_a_cell_that_cannot_be_is_told(file: Path, rows, name, value):
    rewritten(file, name, pa.array([value] * len(rows), pa.string()))
    with pytest.raises(RunDirectoryError, match="is damaged"):
        read_leaderboard(file)


@pytest.mark.parametrize("name", ["status", "seconds", "hyperparameters", "runtime", "weights"])
def test_a_row_that_lacks_what_each_has_is_told(file: Path, rows, name):
    kind = pq.read_schema(file).field(name).type
    rewritten(file, name, pa.nulls(len(rows), kind))
    with pytest.raises(RunDirectoryError, match=f"is damaged .a row has no {name}"):
        read_leaderboard(file)


def test_a_file_that_would_fill_the_memory_is_refused(file: Path, monkeypatch):
    monkeypatch.setattr("reports.parquet._MOST_UNPACKED", 1000)
    with pytest.raises(RunDirectoryError, match="unpacks to more than 1,000 bytes"):
        read_leaderboard(file)
    monkeypatch.setattr("reports.parquet.MOST_BYTES", 1000)
    with pytest.raises(RunDirectoryError, match="more than 1,000 bytes"):
        read_leaderboard(file)


def test_every_column_is_documented_with_its_type():
    kinds = {"int64": "integer", "double": "number", "string": "text", "bool": "true or false"}
    lines = DOCUMENT.read_text().splitlines()
    documented = dict(
        [cell.strip().strip("`") for cell in line.split("|")[1:3]]
        for line in lines
        if line.startswith("| `") and line.count("|") == 4
    )
    for field in FIXED_SCHEMA:
        wanted = "JSON" if field.name in JSON_COLUMNS else kinds[str(field.type)]
        assert documented[field.name] == wanted
    assert set(documented) == {*FIXED_COLUMNS, "hp.NAME"}
