import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest
from fake_run import FakeRun, fake_run
from fake_screening import TRAINING_IMAGES, screen_records, screened_run
from page_reading import Page, check_gold, scrub

from reports import (
    Run,
    Stage,
    Status,
    build_leaderboard,
    render_markdown_report,
    render_report,
    render_rows,
    wilson_interval,
)
from reports.backbones import UNIT_MEANING, Screening, screening_of
from reports.figures.palette import looks_of
from reports.figures.screening import screening_chart
from reports.wording import NONE

Write = Callable[[FakeRun], Run]
_RANDOM = "RANDOM weights: these figures show nothing about the backbones."
_HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"


def _page(write: Write, fake: FakeRun) -> Page:
    run = write(fake)
    page = Page(render_report(run, build_leaderboard(run)))
    assert page.open == []
    return page


def _section(text: str) -> str:
    """The lines on the backbones, without those around them."""
    return re.split(
        r"^(?:## )?Data$", re.split(r"^(?:## )?Backbones$", text, flags=re.M)[-1], flags=re.M
    )[0]


def _screening(run: Run) -> Screening:
    screening = screening_of(run, build_leaderboard(run))
    assert screening is not None
    return screening


def test_the_section_reads_as_the_gold_file(write: Write):
    run = write(screened_run(both_ways=True))
    page = Page(render_report(run, build_leaderboard(run)))
    check_gold("backbones.txt", _section(scrub(page.text, run)))


def test_the_markdown_section_is_the_gold_file(write: Write):
    run = write(screened_run(both_ways=True))
    text = scrub(render_markdown_report(run, build_leaderboard(run)), run)
    check_gold("backbones.md", _section(text))


def test_a_run_without_a_screening_has_no_section(write: Write):
    run = write(fake_run())
    rows = build_leaderboard(run)
    assert screening_of(run, rows) is None
    assert 'id="backbones"' not in render_report(run, rows)
    assert "#backbones" not in render_report(run, rows)
    assert "Backbones" not in render_markdown_report(run, rows)


def test_every_link_leads_somewhere_with_a_screening(write: Write):
    page = _page(write, screened_run())
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert "backbones" in targets
    links = {a["href"] for tag, a in page.tags if tag == "a" and "download" not in a}
    assert links <= {f"#{one}" for one in targets}
    assert "#backbones" in links


def test_probes_have_no_rank_and_come_last(write: Write):
    rows = build_leaderboard(write(screened_run(both_ways=True)))
    assert [row.stage is Stage.SCREEN for row in rows] == [False] * 14 + [True] * 26
    assert all(row.rank is None for row in rows[14:])
    # They count neither as trials nor as rivals of the winner.
    assert rows[0].trial_id == "0010-ft"


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_a_probe_is_named_as_one(write: Write, format: str):
    rows = build_leaderboard(write(screened_run(both_ways=True, weights="random")))
    probes = [row for row in rows if row.backbone == "ResNet50V2"]
    text = " ".join(render_rows(probes, format, width=160).split())
    sign = " (" if format == "markdown" else " · "
    assert f"ResNet50V2{sign}linear probe, random weights" in text
    assert f"ResNet50V2{sign}linear probe, unit, random weights" in text
    assert "x / 255" in text
    assert "“paper”" not in text  # a probe is no setting of the papers
    assert "0/0" not in text


def test_the_table_keeps_names_whole_beside_long_ids(write: Write):
    text = render_rows(build_leaderboard(write(screened_run())))
    assert max(map(len, text.splitlines())) <= 80
    for backbone in ("EfficientNetB0", "DenseNet201", "mini_resnet"):
        assert f" {backbone}" in text


def test_trials_and_backbones_are_counted_apart(write: Write):
    text = _page(write, screened_run(both_ways=True)).text
    assert "is the best of 14 trials by validation accuracy" in text
    assert "Trials 14 8 completed, 5 pruned, 1 failed" in text
    assert "Backbones 13 screened by 26 linear probes before the search" in text
    assert "of training and screening in all" in text


def test_a_run_that_only_screened_has_no_trial_yet(write: Write):
    fake = screened_run()
    fake.records, fake.finalists = screen_records(), []
    text = _page(write, fake).text
    assert "No trial has finished yet." in text
    assert "Trials 0 none has ended" in text
    assert "DenseNet201 native 94.6" in text


def test_backbones_come_by_accuracy_with_their_intervals(write: Write):
    probes = _screening(write(screened_run())).probes
    shares = [one.row.val_accuracy or 0.0 for one in probes]
    assert shares == sorted(shares, reverse=True)
    assert len(probes) == 13
    for one, share in zip(probes, shares, strict=True):
        assert (one.row.val_accuracy_low, one.row.val_accuracy_high) == wilson_interval(share, 240)


def test_both_preprocessings_stand_together_native_first(write: Write):
    screening = _screening(write(screened_run(both_ways=True)))
    for group in screening.backbones:
        assert [one.preprocessing for one in group] == ["native", "unit"]
        assert len({one.row.backbone for one in group}) == 1
    assert screening.both_ways


def test_what_was_dropped_says_when_and_on_how_much(write: Write):
    by_name = {one.row.backbone: one for one in _screening(write(screened_run())).probes}
    assert by_name["DenseNet201"].outcome == "reached the last round"
    assert by_name["DenseNet201"].seen == 1.0
    assert by_name["ResNet50"].outcome == "dropped after round 2 of 3"
    assert by_name["VGG16"].seen == 0.25
    assert not by_name["DenseNet201"].was_dropped
    assert by_name["VGG16"].was_dropped


def test_without_a_split_the_share_is_of_the_most_that_any_saw(write: Write):
    run = write(screened_run())
    (run.path / "split.parquet").unlink()
    screening = _screening(run)
    assert screening.chance is None
    assert {one.seen for one in screening.probes} == {1.0, 0.5, 0.25}
    chart = screening_chart(screening, looks_of(["transfer"]))
    assert 'class="span"' not in chart  # no number of images, no interval
    assert "by chance" not in chart


def test_the_best_completed_trial_of_its_preprocessing_stands_beside(write: Write):
    fake = screened_run(both_ways=True)
    trial = next(one for one in fake.records if one.trial_id == "0003")
    fake.records += [
        replace(trial, trial_id="a", val_accuracy=0.75),
        replace(trial, trial_id="b", val_accuracy=0.9, status=Status.PRUNED),
        replace(trial, trial_id="c", val_accuracy=0.8, preprocessing="unit"),
    ]
    searched = {
        one.preprocessing: one.searched
        for one in _screening(write(fake)).probes
        if one.row.backbone == "MobileNetV2"
    }
    assert searched == {"native": 0.75, "unit": 0.8}


def test_random_weights_are_said_plainly(write: Write):
    for text in _both_texts(write(screened_run(weights="random"))):
        assert _RANDOM in text


def test_some_random_weights_are_said_by_name(write: Write):
    fake = screened_run()
    fake.records[0] = replace(fake.records[0], weights="random")
    run = write(fake)
    for text in _both_texts(run):
        told = "RANDOM weights: the figures of DenseNet201 show nothing about these backbones."
        assert told in text


def test_pretrained_weights_need_no_warning(write: Write):
    for text in _both_texts(write(screened_run())):
        assert "RANDOM weights" not in text
        assert UNIT_MEANING not in text


def test_unit_is_explained_where_it_was_screened(write: Write):
    for text in _both_texts(write(screened_run(both_ways=True))):
        assert UNIT_MEANING in text


def _both_texts(run: Run) -> tuple[str, str]:
    rows = build_leaderboard(run)
    return Page(render_report(run, rows)).text, render_markdown_report(run, rows)


def test_a_failed_probe_has_a_line_and_no_bar(write: Write):
    fake = screened_run()
    fake.records[0] = replace(
        fake.records[0], status=Status.FAILED, val_accuracy=None, error="OSError: no such file"
    )
    screening = _screening(run := write(fake))
    assert screening.probes[-1].row.backbone == "DenseNet201"
    assert screening_chart(screening, looks_of(["transfer"])).count('class="body') == 12
    page = Page(render_report(run, build_leaderboard(run)))
    assert f"DenseNet201 native {NONE} {NONE} {NONE} 960 (100 %)" in page.text
    assert "failed: OSError: no such file" in page.text


def test_columns_nobody_has_a_figure_in_are_left_out(write: Write):
    fake = screened_run()
    fake.records = [replace(one, multiply_adds=None) for one in fake.records]
    assert "Multiply-adds" not in _page(write, fake).text


def test_a_probe_that_recorded_nothing_is_shown(write: Write):
    fake = screened_run()
    fake.records[:13] = [
        replace(one, probe=None, preprocessing=None, parameters=None) for one in fake.records[:13]
    ]
    text = _page(write, fake).text
    assert f"DenseNet201 native 94.6 91.0{NONE}96.8 {NONE} {NONE} 17 s 732M reached" in text
    assert f"MobileNetV2 native 82.9 77.6{NONE}87.2 71.7 {NONE} 4.6 s 92M dropped" in text


def test_a_hostile_backbone_is_text_and_nothing_else(write: Write):
    fake = screened_run(both_ways=True)
    fake.records = [
        replace(one, backbone=_HOSTILE) if one.backbone == "VGG16" else one for one in fake.records
    ]
    run = write(fake)
    rows = build_leaderboard(run)
    page = Page(render_report(run, rows))
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert "<script>" not in render_markdown_report(run, rows)
    chart = screening_chart(_screening(run), looks_of(row.family for row in rows))
    assert "<script>" not in chart
    written = "".join(fromstring(chart).itertext())  # noqa: S314 - ours
    assert "<script>alert('x')</script>" in written


def test_the_training_part_is_what_the_probes_had(write: Write):
    assert sum(write(fake_run()).counts["train"].values()) == TRAINING_IMAGES
