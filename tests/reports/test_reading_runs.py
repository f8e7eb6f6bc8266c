import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from fake_run import FakeRun

from neurosweep.errors import RunDirectoryError
from reports import (
    build_leaderboard,
    load_leaderboard,
    read_run,
    write_leaderboard,
    write_statistics,
)
from reports.provenance import provenance


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    return fake.write(tmp_path / "run")


def test_a_whole_run_is_read(path: Path, fake: FakeRun):
    run = read_run(path)
    assert list(run.records) == fake.records
    assert (run.name, run.state, run.synthetic) == ("run", "finished", True)
    assert run.counts["test"] == dict.fromkeys(fake.classes, 80)
    history = run.history("0010")
    assert [epoch.epoch for epoch in history] == list(range(1, 13))
    assert history[-1].val_accuracy == fake.records[10].val_accuracy
    assert run.history("0008") == ()


def test_a_run_of_the_layout_before_is_read(path: Path, fake: FakeRun):
    content = yaml.safe_load((path / "run.yaml").read_text())
    (path / "run.yaml").write_text(yaml.safe_dump({**content, "schema_version": 1}))
    assert list(read_run(path).records) == fake.records


def test_a_torn_last_line_never_counted(path: Path, fake: FakeRun):
    trials = path / "trials.jsonl"
    trials.write_bytes(trials.read_bytes()[:-7])
    assert list(read_run(path).records) == fake.records[:-1]


def test_a_torn_last_epoch_is_left_out(path: Path):
    epochs = path / "trials" / "0010" / "epochs.jsonl"
    epochs.write_bytes(epochs.read_bytes()[:-20])
    assert len(read_run(path).history("0010")) == 11


def test_a_damaged_line_in_the_middle_is_named(path: Path):
    trials = path / "trials.jsonl"
    lines = trials.read_text().splitlines(keepends=True)
    trials.write_text("".join([lines[0], lines[1][:50] + "\n", *lines[2:]]))
    with pytest.raises(RunDirectoryError, match=r"trials.jsonl, line 2: .*Invalid JSON"):
        read_run(path)


def test_a_trial_with_two_lines_is_refused(path: Path):
    trials = path / "trials.jsonl"
    trials.write_text(trials.read_text() + trials.read_text().splitlines()[3] + "\n")
    with pytest.raises(RunDirectoryError, match="trial 0003 has a second at line 15"):
        read_run(path)


def test_a_run_that_just_began_has_no_records(path: Path):
    (path / "trials.jsonl").unlink()
    (path / "evaluation.json").unlink()
    (path / "split.parquet").unlink()
    run = read_run(path)
    assert (run.records, run.evaluation, run.counts) == ((), None, {})
    assert build_leaderboard(run) == []


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(RunDirectoryError, match=r"a folder with a run.yaml .* which has none"):
        read_run(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(RunDirectoryError, match=r"missing, which is not a folder"):
        read_run(tmp_path / "missing")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- a list", "must hold names and values; received list"),
        ("{torn: [", "must hold YAML"),
        ("schema_version: " + "[" * 20_000, r"must hold YAML.*recursion depth"),
        ("began: 2026-13-45", "must hold YAML.*month"),
        ("began: " + "9" * 5_000, "must hold YAML.*digits"),
        ("schema_version: 7", "of schema version 1 or 2; .* says 7"),
        ("name: x", "says None"),
    ],
)
def test_another_run_yaml_is_refused(path: Path, content: str, told: str):
    (path / "run.yaml").write_text(content)
    with pytest.raises(RunDirectoryError, match=told):
        read_run(path)


def test_an_evaluation_that_lacks_a_figure_is_refused(path: Path):
    content = json.loads((path / "evaluation.json").read_text())
    del content["finalists"][0]["test_accuracy"]
    (path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(RunDirectoryError, match=r"at finalists.0.test_accuracy: Field required"):
        read_run(path)


def test_a_confusion_matrix_of_another_size_is_refused(path: Path):
    content = json.loads((path / "evaluation.json").read_text())
    content["finalists"][0]["confusion"].pop()
    (path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(
        RunDirectoryError, match=r"trial 0010-ft: .* each of the 4 classes; received \(3, 4"
    ):
        read_run(path)


@pytest.mark.parametrize("line", ["{}", "[1]", "null", '{"epoch": "one"}', "no json"])
def test_a_damaged_epoch_is_refused(path: Path, line: str):
    (path / "trials" / "0010" / "epochs.jsonl").write_text(line + "\n")
    with pytest.raises(RunDirectoryError, match="must hold the numbers accuracy, epoch,"):
        read_run(path).history("0010")


def test_a_split_that_is_no_parquet_is_refused(path: Path):
    (path / "split.parquet").write_text("file,label,part")
    with pytest.raises(RunDirectoryError, match="must be a Parquet file with columns file, label"):
        _ = read_run(path).split


def test_a_split_with_random_bytes_is_read_or_refused(path: Path):
    run, split = read_run(path), path / "split.parquet"
    whole, draw = np.frombuffer(split.read_bytes(), np.uint8), np.random.default_rng(0)
    read, refused = 0, set()
    for damaged in (1, 3, 20) * 100:
        content = whole.copy()
        content[draw.integers(0, len(whole), damaged)] = draw.integers(0, 256, damaged)
        split.write_bytes(content.tobytes())
        try:
            read += len(replace(run).split.to_pylist()) > 0
        except RunDirectoryError as error:
            refused.add(type(error.__cause__))
    assert read > 0
    assert {OSError, pa.ArrowInvalid} <= refused


def test_a_split_of_broken_text_is_refused(path: Path):
    broken = pa.array([b"gl\xff"] * 3).view(pa.string())
    texts = pa.array(["a", "b", "c"])
    table = pa.table({"file": texts, "label": broken, "part": texts})
    pq.write_table(table, path / "split.parquet")
    with pytest.raises(RunDirectoryError, match="must be a Parquet file with columns file, label"):
        _ = read_run(path).split


@pytest.mark.parametrize("name", ["file", "label", "part", "group"])
def test_a_split_with_an_empty_cell_is_refused(path: Path, name: str):
    table = pq.read_table(path / "split.parquet")
    cells = [None, *table[name].to_pylist()[1:]]
    place = table.column_names.index(name)
    table = table.set_column(place, name, pa.array(cells, table.schema.field(name).type))
    pq.write_table(table, path / "split.parquet")
    with pytest.raises(RunDirectoryError, match=f"1 of 1,.* rows have no {name}"):
        _ = read_run(path).counts


@pytest.mark.parametrize(("name", "told"), [("label", "label is int64"), ("group", "group is st")])
def test_a_split_with_a_column_of_another_type_is_refused(path: Path, name: str, told: str):
    table = pq.read_table(path / "split.parquet")
    cells: list[object] = list(range(len(table)))
    place = table.column_names.index(name)
    column = pa.array(cells if name == "label" else list(map(str, cells)))
    pq.write_table(table.set_column(place, name, column), path / "split.parquet")
    with pytest.raises(RunDirectoryError, match=told):
        _ = read_run(path).groups


def test_a_split_that_another_program_wrote_is_read(path: Path):
    expected = read_run(path).split
    table = pq.read_table(path / "split.parquet")
    label = table["label"].cast(pa.large_string()).dictionary_encode()
    table = table.set_column(table.column_names.index("label"), "label", label)
    table = table.set_column(
        table.column_names.index("part"), "part", table["part"].cast(pa.large_string())
    )
    pq.write_table(table, path / "split.parquet")
    assert read_run(path).split == expected


def test_a_second_opening_of_the_test_set_is_told(path: Path):
    info = yaml.safe_load((path / "run.yaml").read_text())
    assert len(read_run(path).test_openings) == 1
    info["test_openings"].append("2024-05-06T09:00:00+00:00")
    (path / "run.yaml").write_text(yaml.safe_dump(info))
    assert len(read_run(path).test_openings) == 2


def test_the_written_leaderboard_is_read_while_nothing_is_newer(path: Path):
    rows = build_leaderboard(read_run(path))
    write_statistics(read_run(path))
    write_leaderboard(rows[:3], path / "leaderboard.parquet")
    assert load_leaderboard(path) == rows[:3]
    # A trial that ends later makes the table out of date.
    later = (path / "leaderboard.parquet").stat().st_mtime_ns + 1_000_000_000
    import os

    os.utime(path / "trials.jsonl", ns=(later, later))
    assert load_leaderboard(path) == rows


def test_a_leaderboard_alone_is_no_run(path: Path, tmp_path: Path):
    rows = build_leaderboard(read_run(path))
    write_leaderboard(rows, tmp_path / "leaderboard.parquet")
    shutil.rmtree(path)
    with pytest.raises(RunDirectoryError, match=r"a folder with a run\.yaml"):
        load_leaderboard(tmp_path)


def test_nodes_are_told_as_words(path: Path):
    content = yaml.safe_load((path / "run.yaml").read_text())
    nodes = [{"hostname": "a", "cpus": 8.0, "kind": None}, {"hostname": "b", "cpus": 4.0}]
    (path / "run.yaml").write_text(yaml.safe_dump({**content, "nodes": nodes}, sort_keys=False))
    told = dict(provenance(read_run(path)))
    assert told["nodes"] == "hostname a, cpus 8.0, kind not set; hostname b, cpus 4.0"


def _edited(path: Path, **changes: object) -> Path:
    content = yaml.safe_load((path / "run.yaml").read_text())
    (path / "run.yaml").write_text(yaml.safe_dump({**content, **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"test_openings": None}, "test_openings is a list of times; received None"),
        ({"test_openings": "yesterday"}, "test_openings is a list of times"),
        ({"experiment": "x"}, "experiment holds names and values; received 'x'"),
        ({"experiment": None}, "experiment holds names and values; received None"),
        ({"experiment": {"search": 3}}, "search holds names and values; received 3"),
        ({"experiment": {"search": {"objective": None}}}, "objective is a name or a list"),
        ({"experiment": {"search": {"objective": ["speed"]}}}, "parameters.*received 'speed'"),
        ({"resumed_with": [{"began": "noon"}]}, r"resumed_with\[0\].began is an ISO 8601 time"),
    ],
)
def test_an_edited_run_yaml_is_refused_by_name(path: Path, changes: dict, told: str):
    with pytest.raises(RunDirectoryError, match=rf"run\.yaml: .*{told}.*Restore it"):
        read_run(_edited(path, **changes))


def test_a_run_yaml_may_lack_what_was_not_known_yet(path: Path):
    content = yaml.safe_load((path / "run.yaml").read_text())
    for name in ("experiment", "test_openings"):
        del content[name]
    (path / "run.yaml").write_text(yaml.safe_dump(content))
    assert build_leaderboard(read_run(path))
    assert read_run(_edited(path, resumed_with=[{"began": "2026-11-30T07:00:00"}]))
