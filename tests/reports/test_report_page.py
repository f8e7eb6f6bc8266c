import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_data
import pytest
from fake_run import FakeRun, fake_run
from page_reading import Page, check_gold, scrub

from reports import (
    LeaderboardRow,
    Run,
    Stage,
    Status,
    build_leaderboard,
    read_run,
    render_markdown_report,
    render_report,
    write_markdown_report,
    write_report,
)
from reports.html import MOST_ROWS


def test_the_page_reads_as_the_gold_file(run: Run, rows: list[LeaderboardRow]):
    check_gold("report.txt", scrub(Page(render_report(run, rows)).text, run))


def test_a_runs_name_cannot_end_the_block_of_a_command(tmp_path: Path, fake: FakeRun):
    run = read_run(fake.write(tmp_path / "a\n# b\x1b[31m"))
    text = render_markdown_report(run, build_leaderboard(run))
    assert "\n# b" not in text
    assert "\x1b" not in text


def test_the_markdown_is_the_gold_file(run: Run, rows: list[LeaderboardRow]):
    check_gold("report.md", scrub(render_markdown_report(run, rows), run))


def test_the_page_is_whole_and_needs_nothing_from_outside(run: Run, rows: list[LeaderboardRow]):
    page = render_report(run, rows)
    parsed = Page(page)
    assert parsed.open == []
    assert not parsed.names & {"iframe", "object", "embed", "form"}
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action"):
            allowed = ("#", "data:,", "data:image/png;base64,", "data:text/csv;base64,")
            assert (attributes.get(name) or "#").startswith(allowed), (tag, attributes)
    assert not re.search(r"url\(|@import", page)
    policy = next(a["content"] for _, a in parsed.tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_policy_allows_our_script_and_no_other(run: Run, rows: list[LeaderboardRow]):
    page = render_report(run, rows)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for _, a in Page(page).tags if a.get("http-equiv")) or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert set(rules) == {"default-src", "style-src", "img-src", "script-src"}
    assert not re.search(r"fetch\(|XMLHttp|import\(|eval|innerHTML|https?:", script)


def test_every_link_of_the_page_leads_somewhere(run: Run, rows: list[LeaderboardRow]):
    parsed = Page(render_report(run, rows))
    targets = {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}
    links = {a["href"] or "" for tag, a in parsed.tags if tag == "a" and "download" not in a}
    assert links <= {f"#{target}" for target in targets}
    sections = re.findall(r'<section id="([a-z]+)"', render_report(run, rows))
    assert links == {f"#{section}" for section in sections}
    assert len(sections) == 14
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


_HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"


def hostile_audit(classes: tuple[str, ...]) -> dict[str, Any]:
    audit = fake_data.audit(classes)
    for name in ("labels_file", "groups_file"):
        audit[name] = _HOSTILE
    audit["known_set"] = {"name": _HOSTILE, "verdict": "differs", "note": _HOSTILE}
    audit["findings"][0]["sentence"] = _HOSTILE
    audit["unreadable_files"][0] = {"file": _HOSTILE, "reason": _HOSTILE}
    audit["odd"][0] = {"file": _HOSTILE, "what": _HOSTILE}
    audit["wrong_endings"][0] = {"file": _HOSTILE, "format": _HOSTILE}
    audit["modes"] = audit["formats"] = {_HOSTILE: 3}
    audit["shown"][0] |= {"kind": _HOSTILE, "files": [_HOSTILE] * 2, "parts": [_HOSTILE] * 2}
    return audit


def test_hostile_names_are_text_and_nothing_else(tmp_path: Path):
    fake = fake_run()
    fake.classes = (_HOSTILE, "meningioma", "notumor", "pituitary")
    fake.negative_class = _HOSTILE
    fake.info[_HOSTILE] = {_HOSTILE: _HOSTILE}
    fake.info["stages"][_HOSTILE] = 3.0
    fake.records = [
        replace(
            record,
            family=_HOSTILE if record.family == "mini_vgg" else record.family,
            backbone=_HOSTILE if record.backbone else None,
            weights=_HOSTILE if record.backbone else "none",
            error=_HOSTILE if record.error else None,
            hyperparameters={**record.hyperparameters, _HOSTILE: _HOSTILE},
        )
        for record in fake.records
    ]
    fake.audit = hostile_audit(fake.classes)
    run = read_run(fake.write(tmp_path / "<b>&run"))
    page = render_report(run, build_leaderboard(run))
    parsed = Page(page)
    assert "b" not in parsed.names
    assert [tag for tag, _ in parsed.tags].count("script") == 1
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(pictures) == 14
    assert all((one["src"] or "").startswith("data:image/png;base64,") for one in pictures)
    assert not [name for _, attributes in parsed.tags for name in attributes if name[:2] == "on"]
    assert parsed.open == []
    assert parsed.text.count("<script>alert('x')</script>") > 20
    markdown = render_markdown_report(run, build_leaderboard(run))
    # Only the command, in a block of code, may hold it as it is.
    assert "<script>" not in markdown


def test_synthetic_data_and_random_weights_are_said_at_the_top(
    run: Run, rows: list[LeaderboardRow]
):
    for text in (Page(render_report(run, rows)).text, render_markdown_report(run, rows)):
        top = text[: text.index("trial 0010")]
        assert "Synthetic data: the images are computed phantoms" in top
        assert "Random weights: backbones marked" in top


def test_real_data_carry_no_warning(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.info["synthetic"] = False
    fake.records = [
        replace(record, synthetic=False, weights="imagenet" if record.backbone else "none")
        for record in fake.records
    ]
    run = write(fake)
    page = render_report(run, build_leaderboard(run))
    assert 'class="banner"' not in page
    assert "andom weights" not in Page(page).text


def _text_of(run: Run) -> str:
    rows = build_leaderboard(run)
    assert render_markdown_report(run, rows)
    parsed = Page(render_report(run, rows))
    assert parsed.open == []
    return parsed.text


def test_a_run_that_just_began_says_so(write: Callable[[FakeRun], Run]):
    run = write(FakeRun(info={"schema_version": 1, "state": "preparing"}))
    text = _text_of(run)
    assert "No trial has finished yet." in text
    assert "Partial report: the test set has not been opened, the run may still be going" in text
    assert "no row to show" in text
    assert "No search trial has finished an epoch yet." in text


def test_a_run_before_its_test_says_so(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    fake.info["state"] = "running"
    text = _text_of(write(fake))
    assert "Test accuracy not measured the test set has not been opened" in text
    assert "The test set has not been opened: this happens once" in text


@pytest.mark.parametrize(
    ("state", "told"),
    [("interrupted", "the search was interrupted"), ("failed", "ended with an error")],
)
def test_a_run_that_ended_early_says_so(write: Callable[[FakeRun], Run], state: str, told: str):
    fake = fake_run()
    fake.info["state"] = state
    assert f"Partial report: the search {told.removeprefix('the search ')}" in _text_of(write(fake))


def test_a_run_without_a_completed_trial_says_so(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    fake.records = [one for one in fake.records if one.status is not Status.COMPLETED]
    text = _text_of(write(fake))
    assert "No trial has completed yet; 6 trials ended otherwise." in text
    assert "rerun" not in text


def test_one_trial_of_one_epoch_is_enough(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    fake.records = [replace(fake.records[4], epochs=1, kept_epoch=1)]
    assert "is the best of 1 trial by validation accuracy" in _text_of(write(fake))


def test_a_class_missing_in_the_test_set_is_drawn(write: Callable[[FakeRun], Run], run: Run):
    import json

    path = run.path / "evaluation.json"
    content = json.loads(path.read_text())
    for finalist in content["finalists"]:
        for ending in ("", "_clean"):
            finalist[f"confusion{ending}"][0] = [0, 0, 0, 0]
    del content["test_images"], content["test_images_clean"]
    path.write_text(json.dumps(content))
    assert "glioma 0 0 0 0" in _text_of(read_run(run.path))


def test_a_second_opening_of_the_test_set_is_shown(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.info["test_openings"] = ["2024-05-06T07:17:09+00:00", "2024-05-07T09:30:00+02:00"]
    told = "The test set was opened 2 times: 2024-05-06 07:17 UTC, 2024-05-07 07:30 UTC."
    assert told in _text_of(write(fake))


def test_a_long_leaderboard_shows_its_head_and_the_papers(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    model = fake.records[4]
    fake.records += [replace(model, trial_id=f"9{number:04d}") for number in range(200)]
    page = render_report(run := write(fake), rows := build_leaderboard(run))
    parsed = Page(page)
    papers = [row for row in rows[MOST_ROWS:] if row.origin == "paper"]
    assert len(papers) >= 3
    assert f"{len(rows) - MOST_ROWS - len(papers)} further rows are in leaderboard" in parsed.text
    for row in papers:
        assert f" {row.trial_id} {row.backbone or row.family} " in parsed.text
    assert "curves are not drawn" in parsed.text


def test_an_ensemble_has_a_row_and_no_curve(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    best = fake.records[-1]
    fake.records.append(replace(best, trial_id="ensemble", stage=Stage.ENSEMBLE, parent_id=None))
    assert "ensemble" in _text_of(write(fake))


def test_files_appear_whole(run: Run, rows: list[LeaderboardRow], tmp_path: Path):
    write_report(run, rows, tmp_path / "report.html")
    write_markdown_report(run, rows, tmp_path / "report.md")
    assert sorted(one.name for one in tmp_path.glob("*report*")) == ["report.html", "report.md"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_report(run, rows)


def test_the_command_really_leaves_pictures_out(run: Run, capsys: pytest.CaptureFixture[str]):
    from search.cli import main

    assert main(["report", str(run.path)]) == 0
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 14
    assert main(["report", str(run.path), "--no-images"]) == 0
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "<img " not in page
    assert "data:image" not in page
    assert capsys.readouterr().out.splitlines() == [str(run.path / "report.html")] * 2
