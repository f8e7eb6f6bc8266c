import argparse
from pathlib import Path

import pytest

from search.cli import main
from search.runs.output import RunUri, local_run, parse_output


def test_a_folder_is_a_path():
    assert parse_output("runs/one") == Path("runs/one")
    assert parse_output("s3:/odd/folder") == Path("s3:/odd/folder")


def test_a_uri_stays_a_uri():
    assert parse_output("s3://bucket/run/") == RunUri("s3://bucket/run")
    assert str(parse_output("gs://bucket/a/b?x=1")) == "gs://bucket/a/b?x=1"
    assert str(parse_output("abfs://container@account/run")) == "abfs://container@account/run"


@pytest.mark.parametrize("text", ["s3://key:secret@bucket/run", "s3://key@bucket/run"])
def test_credentials_in_a_uri_are_refused_and_not_repeated(text):
    with pytest.raises(argparse.ArgumentTypeError, match="come from the environment") as told:
        parse_output(text)
    assert "secret" not in str(told.value)


def test_a_whole_bucket_is_no_place_for_a_run():
    with pytest.raises(argparse.ArgumentTypeError, match="a place inside a bucket"):
        parse_output("s3://bucket")


def test_each_uri_has_a_folder_of_its_own_below_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path))
    folders = {RunUri(text).folder for text in ("s3://a/x/run", "s3://b/x/run", "gs://a/x/run")}
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path / "mirrored-runs"}
    assert RunUri("s3://a/x/run").folder.name.startswith("x-run-")


def test_a_search_is_not_stopped_through_a_store(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["stop", "s3://bucket/run"])
    assert ended.value.code == 2
    assert (
        "on its driver's machine, by its run directory; received s3://b" in capsys.readouterr().err
    )


def test_a_run_is_a_path():
    assert local_run("runs/one") == Path("runs/one")
