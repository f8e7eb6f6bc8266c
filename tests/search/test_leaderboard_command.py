"""`neurosweep leaderboard`: how many rows it shows, and the columns that are asked for."""

import json
import re
import shutil

import pytest

from benchmarks.leaderboard_size import write_run
from reports import build_leaderboard, read_run, run_notes, write_leaderboard, write_statistics
from search.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = write_run(tmp_path_factory.mktemp("many") / "run", 130)
    opened = read_run(path)
    write_statistics(opened)
    rows = build_leaderboard(opened)
    write_leaderboard(rows, path / "leaderboard.parquet", run_notes(opened, rows))
    return path


def printed(capsys, *words) -> str:
    assert main(["leaderboard", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_table_shows_a_hundred_rows_and_says_what_it_leaves_out(run, capsys):
    table = printed(capsys, run)
    told = "100 of 130 rows; --top 130 shows all, and so does --format csv"
    assert table.splitlines()[-1] == told
    assert len(re.findall(r"\bt0\d{4}\b", table)) == 100


@pytest.mark.parametrize("words", [("--top", "130"), ("--family", "mini_vgg"), ("--top", "2")])
def test_nothing_is_said_where_nothing_was_left_out_unasked(run, capsys, words):
    assert "rows; --top" not in printed(capsys, run, *words)


@pytest.mark.parametrize("format", ["table", "markdown", "json", "csv"])
def test_the_file_and_the_trials_give_the_same_text(run, capsys, format, tmp_path):
    words = ("--where", "epochs > 20", "--sort", "val_loss", "--top", "7", "--format", format)
    of_file = printed(capsys, run, *words)
    bare = tmp_path / run.name
    shutil.copytree(run, bare, ignore=shutil.ignore_patterns("leaderboard.parquet"))
    assert of_file == printed(capsys, bare, *words)
    if format in ("table", "markdown"):
        assert "no row has a tie group" in " ".join(of_file.lower().split())


@pytest.mark.parametrize("format", ["csv", "markdown"])
def test_files_have_all_rows(run, capsys, format):
    lines = printed(capsys, run, "--format", format, "--columns", "trial_id").splitlines()
    assert sum("t00" in line for line in lines) == 130


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("format", ["table", "markdown", "json", "csv"])
def test_a_column_of_the_run_is_taken_whichever_rows_are_shown(
    run, capsys, whole, format, tmp_path
):
    path = run
    if not whole:  # ranked anew, without the file
        path = tmp_path / run.name
        shutil.copytree(run, path, ignore=shutil.ignore_patterns("leaderboard.parquet"))
    words = ("--columns", "trial_id,transfer/dropout", "--format", format)
    for choice in (("--family", "mini_vgg"), ("--where", "epochs > 1e9"), ("--top", "1")):
        printed(capsys, path, *words, *choice, "--sort", "family")
    assert main(["leaderboard", str(path), *words[:1], "trial_id,transfer/dropuot"]) == 2
    assert "(nearest: hp.transfer/dropout)" in capsys.readouterr().err


def test_scores_are_shown_best_first(run, capsys):
    columns = "trial_id,val_macro_f1,val_calibration_error,temperature,val_missed_share,node"
    words = (run, "--columns", columns, "--sort", "val_macro_f1", "--format", "json")
    rows = json.loads(printed(capsys, *words))
    assert list(rows[0]) == columns.split(",")
    scores = [row["val_macro_f1"] for row in rows if row["val_macro_f1"] is not None]
    assert scores == sorted(scores, reverse=True)
    assert rows[-1]["val_macro_f1"] is None
    errors = json.loads(printed(capsys, *words[:4], "val_calibration_error", *words[5:]))
    known = [row["val_calibration_error"] for row in errors if row["val_calibration_error"]]
    assert known == sorted(known)


def test_a_condition_on_a_score(run, capsys):
    words = ("--where", "val_roc_auc > 0.9 and val_missed_high < 0.05", "--format", "json")
    rows = json.loads(printed(capsys, run, *words))
    assert rows
    assert all(row["val_roc_auc"] > 0.9 and row["val_missed_high"] < 0.05 for row in rows)
    table = printed(capsys, run, "--columns", "code_version,library_versions", "--top", "1")
    assert f"0.0.0+{'0' * 16}" in table.replace("\n", "")
