import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from neurosweep.errors import UserError
from reports import LeaderboardRow, Stage, column_names, draw_leaderboard_svg, render_rows
from reports.parquet import FIXED_COLUMNS
from reports.wording import NONE, PAPER_NOTE, RANDOM_NOTE, SYNTHETIC_NOTE, epochs


def _words(text: str) -> str:
    return " ".join(text.split())


def test_the_table_fits_eighty_columns(rows: list[LeaderboardRow]):
    text = render_rows(rows)
    assert max(map(len, text.splitlines())) <= 80
    first = next(line for line in text.splitlines() if line.startswith("1 "))
    told = f"1 0010-ft mini_resnet · 97.9 [95.2{NONE}99.1] 97.5 96.9 4/5 17 completed"
    assert _words(first) == told
    assert "    fine-tuned\n" in text  # whole, on a line of its own
    failed = next(line for line in text.splitlines() if "failed" in line)
    assert _words(failed) == f"{NONE} 0008 mini_resnet {NONE} {NONE} {NONE} 0/12 1 failed"


def test_a_large_leaderboard_fits_eighty_columns_too(rows: list[LeaderboardRow]):
    wide = replace(
        rows[0],
        rank=12345,
        trial_id="trial-0123456789",
        backbone="MobileNetV3Large",
        weights="random",
        seconds=123456.0,
        epochs=100,
        epochs_allowed=100,
        val_accuracy=1.0,
        test_accuracy=1.0,
        test_accuracy_clean=1.0,
    )
    text = render_rows([wide])
    assert max(map(len, text.splitlines())) <= 80
    for shown in ("12345", f"100.0 [95.2{NONE}99.1]", "100/100", "123456", "completed"):
        assert shown in text


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_what_must_be_said_is_said(rows: list[LeaderboardRow], format: str):
    text = _words(render_rows(rows, format))
    for note in (SYNTHETIC_NOTE, RANDOM_NOTE, PAPER_NOTE):
        assert note in text
    assert "random weights" in _words(text.replace("|", " "))
    plain = [
        replace(row, synthetic=False) for row in rows if row.backbone is None and row.rank == 1
    ]
    text = _words(render_rows(plain, format))
    assert "Synthetic" not in text
    assert "andom" not in text


def test_csv_has_all_columns_and_reads_back(rows: list[LeaderboardRow]):
    read = list(csv.DictReader(io.StringIO(render_rows(rows, "csv"))))
    assert tuple(read[0]) == column_names(rows)
    assert [row["trial_id"] for row in read] == [row.trial_id for row in rows]
    assert float(read[0]["val_accuracy"]) == rows[0].val_accuracy
    assert read[0]["synthetic"] == "true"
    assert json.loads(read[0]["hyperparameters"]) == rows[0].hyperparameters
    assert read[-1]["val_accuracy"] == ""


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+cmd", "-x", "@SUM(A1)", "\x1b[31mred\x07"])
def test_csv_holds_neither_formulas_nor_commands_to_the_terminal(
    rows: list[LeaderboardRow], text: str
):
    hostile = replace(
        rows[0],
        backbone=text,
        hyperparameters={"text": text, "number": -0.5, text: 1},
        library_versions={text: text},
    )
    written = render_rows([hostile], "csv")
    assert written.isprintable() or written.replace("\n", "").isprintable()
    header, line = csv.reader(io.StringIO(written))
    found = dict(zip(header, line, strict=True))
    assert not found["backbone"].startswith(("=", "+", "-", "@"))
    assert found["hp.text"] == found["backbone"]
    assert found["hp.number"] == "-0.5"


def test_json_stands_alone_and_has_objects(rows: list[LeaderboardRow]):
    read = json.loads(render_rows(rows, "json"))
    assert tuple(read[0]) == FIXED_COLUMNS
    assert read[0]["hyperparameters"] == rows[0].hyperparameters
    assert (read[0]["rank"], read[0]["stage"], read[0]["synthetic"]) == (1, "fine_tune", True)
    assert read[-1]["val_accuracy"] is None


def test_markdown_is_a_table_that_markup_cannot_break(rows: list[LeaderboardRow]):
    hostile = replace(rows[0], backbone="a|b\n<script>alert(1)</script>*x*")
    text = render_rows([hostile], "markdown")
    lines = text.splitlines()
    assert lines[0].startswith("| rank | trial | model |")
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == len(re.findall(r"(?<!\\)\|", lines[0]))
    assert "<script>" not in text
    assert r"a\|b" in lines[2]


def test_a_hostile_name_cannot_steer_the_terminal(rows: list[LeaderboardRow]):
    text = render_rows([replace(rows[0], backbone="\x1b[31m[bold]red[/bold]\x07")])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]" in text


def test_json_steers_no_terminal_and_turns_no_text(rows: list[LeaderboardRow]):
    hostile = "a\x9b31m\u202eb\u2066\x7f\x1b\U000e0001\ud800"
    kept = "Größe 腫瘍 “ورم” 🧠"
    text = render_rows([replace(rows[0], backbone=hostile, error=kept)], "json")
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert r"a\u009b31m\u202eb\u2066\u007f\u001b\udb40\udc01\ud800" in text
    assert kept in text
    (read,) = json.loads(text)
    assert (read["backbone"], read["error"]) == (hostile, kept)


@pytest.mark.parametrize("format", ["table", "csv", "json", "markdown"])
def test_columns_are_chosen_in_order(rows: list[LeaderboardRow], format: str):
    text = render_rows(rows, format, columns=["seed", "training/learning_rate"])
    assert text.index("seed") < text.index("hp.training/learning")
    assert "val_accuracy" not in text


def test_an_unknown_column_is_refused_by_name(rows: list[LeaderboardRow]):
    with pytest.raises(UserError, match=r"there is no 'valloss' \(nearest: val_loss\)"):
        render_rows(rows, "csv", columns=["valloss"])


def test_an_unknown_format_is_refused(rows: list[LeaderboardRow]):
    with pytest.raises(UserError, match=r"takes table, csv, json, markdown; received 'jsn'.*json"):
        render_rows(rows, "jsn")


def test_no_row_is_said_plainly():
    assert "No row to show" in render_rows([])
    assert json.loads(render_rows([], "json")) == []
    assert render_rows([], "csv").startswith("rank,tie_group,trial_id,")


def test_an_ensemble_is_marked(rows: list[LeaderboardRow]):
    members = {"ensemble/member_1": "t1", "ensemble/weight_1": 0.75}
    members |= {"ensemble/member_2": "t2", "ensemble/weight_2": 0.25}
    row = replace(rows[1], stage=Stage.ENSEMBLE, family="ensemble", backbone=None, epochs=0)
    text = " ".join(render_rows([replace(row, hyperparameters=members)], width=120).split())
    assert " ensemble · of 2 networks " in text
    assert epochs(row) == NONE


def test_the_picture_shows_the_first_rows(rows: list[LeaderboardRow], tmp_path: Path):
    path = tmp_path / "leaderboard.svg"
    draw_leaderboard_svg(rows, path, top=2)
    assert 'url("http' not in path.read_text()
    text = path.read_text(encoding="utf-8").replace("&#160;", " ")
    assert "0010-ft" in text
    assert "0004" not in text
    assert "Synthetic data" in text
    first = path.read_bytes()
    draw_leaderboard_svg(rows, path, top=2)
    assert path.read_bytes() == first
