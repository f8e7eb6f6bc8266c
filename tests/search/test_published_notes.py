"""What the tables that a run publishes say of its state."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from stage_doubles import record_of, stage_run

from reports.loading import show_leaderboard
from reports.parquet import StoredLeaderboard
from search.runs.run_directory import RunDirectory
from search.stages.publish import publish_tables

SPLIT = pa.table({"file": ["a.png"], "label": ["glioma"], "part": ["validation"], "group": [0]})


@pytest.fixture
def directory(tmp_path: Path):
    made = stage_run(tmp_path / "run", split=SPLIT)
    with made.directory as opened:
        opened.update(state="running", began="2026-11-25T10:00:00+00:00")
        record = record_of(made, "t0000", accuracy=0.9)
        recipe = json.loads((opened.path / "trials/t0000/record.json").read_text())
        opened.count(record, **recipe)
        publish_tables(opened)
        yield opened


def kept(directory: RunDirectory) -> str:
    return " ".join(StoredLeaderboard(directory.path / "leaderboard.parquet").notes)


def test_tables_of_a_run_under_way_say_so(directory):
    assert "may still be going on" in kept(directory)


def test_a_run_that_ends_does_not_keep_the_word_that_it_goes_on(directory):
    directory.update(state="finished")
    # As if it were killed here: the file is older than what it was made from.
    assert "going on" not in " ".join(show_leaderboard(directory.path).notes)
    publish_tables(directory)
    assert "going on" not in kept(directory)


def test_a_run_that_was_interrupted_says_it(directory):
    directory.update(state="interrupted")
    publish_tables(directory)
    assert "The search was interrupted" in kept(directory)
