import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_screening import screen_records
from hypothesis import given
from hypothesis import strategies as st
from test_trial_records import RECORDS

from neurosweep.errors import RunDirectoryError
from reports import LeaderboardRow, Run, build_leaderboard, read_leaderboard, write_leaderboard
from reports.parquet import FIXED_COLUMNS

# What scripts rely on, word for word.
_PROMISED = {
    "trial_id",
    "stage",
    "origin",
    "family",
    "backbone",
    "weights",
    "status",
    "stop_reason",
    "hyperparameters",
    "seed",
    "val_accuracy",
    "val_loss",
    "epochs",
    "seconds",
    "data_fingerprint",
    "synthetic",
    "rank",
    "tie_group",
    "val_accuracy_low",
    "val_accuracy_high",
    "test_accuracy",
    "test_accuracy_clean",
    "missed_positives",
    "missed_positives_clean",
    "cv_accuracy",
    "cv_accuracy_sd",
    "cv_folds",
    "parameters",
    "latency_ms",
    "preprocessing",
    "weights_hash",
    "probe",
    "multiply_adds",
}


def test_the_promised_columns_are_there(rows: list[LeaderboardRow], tmp_path: Path):
    write_leaderboard(rows, tmp_path / "leaderboard.parquet")
    schema = pq.read_schema(tmp_path / "leaderboard.parquet")
    assert set(schema.names) >= _PROMISED
    assert tuple(schema.names[: len(FIXED_COLUMNS)]) == FIXED_COLUMNS
    assert schema.metadata[b"neurosweep.schema_version"] == b"1"


def test_hyperparameters_are_typed_columns(rows: list[LeaderboardRow], tmp_path: Path):
    write_leaderboard(rows, tmp_path / "leaderboard.parquet")
    table = pq.read_table(tmp_path / "leaderboard.parquet")
    assert table.schema.field("hp.training/learning_rate").type == pa.float64()
    assert table.schema.field("hp.training/batch_size").type == pa.int64()
    assert table.schema.field("hp.training/augmentation").type == pa.bool_()
    assert table.schema.field("hp.training/optimizer").type == pa.string()
    filters = table.column("hp.plain_cnn/filters").to_pylist()
    families = table.column("family").to_pylist()
    pairs = zip(filters, families, strict=True)
    assert all((value is None) == (family != "plain_cnn") for value, family in pairs)


def test_a_hyperparameter_of_several_kinds_is_text(rows: list[LeaderboardRow], tmp_path: Path):
    values: list[object] = [1, 0.5, "auto", True]
    mixed = [
        replace(row, hyperparameters={"width": value})
        for row, value in zip(rows, values, strict=False)
    ]
    write_leaderboard(mixed, tmp_path / "leaderboard.parquet")
    table = pq.read_table(tmp_path / "leaderboard.parquet")
    assert table.column("hp.width").to_pylist() == ["1", "0.5", "auto", "True"]
    assert read_leaderboard(tmp_path / "leaderboard.parquet") == mixed


def test_columns_keep_their_types_without_rows(tmp_path: Path):
    write_leaderboard([], tmp_path / "leaderboard.parquet")
    assert read_leaderboard(tmp_path / "leaderboard.parquet") == []
    schema = pq.read_schema(tmp_path / "leaderboard.parquet")
    assert schema.field("val_accuracy").type == pa.float64()
    assert schema.field("backbone").type == pa.string()


@given(st.lists(RECORDS, max_size=6, unique_by=lambda record: record.trial_id))
def test_any_leaderboard_survives_the_file(tmp_path_factory: pytest.TempPathFactory, records):
    path = tmp_path_factory.mktemp("board") / "leaderboard.parquet"
    rows = build_leaderboard(Run(Path("/nowhere"), {}, tuple(records), None))
    write_leaderboard(rows, path)
    assert read_leaderboard(path) == rows
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_another_schema_version_is_refused_by_name(rows: list[LeaderboardRow], tmp_path: Path):
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    table = pq.read_table(path).replace_schema_metadata({b"neurosweep.schema_version": b"2"})
    pq.write_table(table, path)
    with pytest.raises(RunDirectoryError, match=r"schema version 1; .* has version 2"):
        read_leaderboard(path)


def test_a_table_of_someone_elses_is_refused(tmp_path: Path):
    pq.write_table(pa.table({"rank": [1]}), tmp_path / "other.parquet")
    with pytest.raises(RunDirectoryError, match="has version none"):
        read_leaderboard(tmp_path / "other.parquet")


def test_a_missing_column_is_named(rows: list[LeaderboardRow], tmp_path: Path):
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    pq.write_table(pq.read_table(path).drop_columns(["seed", "family"]), path)
    with pytest.raises(RunDirectoryError, match="lacks family, seed"):
        read_leaderboard(path)


def test_a_file_from_before_a_column_was_added_has_nothing_there(
    rows: list[LeaderboardRow], tmp_path: Path
):
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    added = ["missed_positives_clean", "cv_accuracy", "cv_accuracy_sd", "cv_folds", "stop_detail"]
    added += ["preprocessing", "weights_hash", "probe", "multiply_adds", "accumulation"]
    pq.write_table(pq.read_table(path).drop_columns(added), path)
    assert read_leaderboard(path) == [replace(row, **dict.fromkeys(added)) for row in rows]


def test_a_probe_is_json_in_the_file(tmp_path: Path):
    rows = build_leaderboard(Run(tmp_path, {}, tuple(screen_records()), None))
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    (told,) = set(pq.read_table(path).column("probe").to_pylist()[:1])
    assert json.loads(told) == rows[0].probe
    assert read_leaderboard(path) == rows


def test_a_truncated_file_is_refused(rows: list[LeaderboardRow], tmp_path: Path):
    path = tmp_path / "leaderboard.parquet"
    write_leaderboard(rows, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        RunDirectoryError, match=r"is damaged .* Delete it: `neurosweep leaderboard"
    ):
        read_leaderboard(path)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(RunDirectoryError, match="there is none at"):
        read_leaderboard(tmp_path / "leaderboard.parquet")
