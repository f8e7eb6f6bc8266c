"""Whose figures stand where winner/ does not hold rank 1, and whose correction."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_ensemble import add_ensemble, allowed, ensemble_first
from fake_run import FakeRun, answered_run, fake_run
from page_reading import Page

from reports import (
    LeaderboardRow,
    Run,
    build_leaderboard,
    read_leaderboard,
    read_run,
    render_markdown_report,
    render_report,
    render_rows,
    run_notes,
    write_leaderboard,
    write_statistics,
)
from reports.figures.palette import looks_of
from reports.loading import load_leaderboard
from reports.model_card import model_card
from reports.model_section import model_section
from reports.run_statistics import STATISTICS, is_current
from reports.summary import Summary, summarise
from reports.wording import percent

_TITLES = [
    "The published model, in winner/: trial 0010-ft",
    "Rank 1, not published: trial e0001",
    "The search",
]
_FIGURES = [
    *("Validation accuracy", "Validation accuracy, corrected for the choice"),
    *("Test accuracy, all images", "Test accuracy, clean images"),
    *("Missed positives, all images", "Missed positives, clean images"),
    *("Cross-validation", "Network's size"),
]


@pytest.fixture
def run(write: Callable[[FakeRun], Run]) -> Run:
    return write(ensemble_first())


def _facts(summary: Summary, group: int) -> dict[str, str]:
    return {fact.name: fact.value for fact in summary.groups[group].facts}


def _card(run: Run) -> dict[str, str]:
    return {
        part.title: " | ".join(
            (*part.sentences, *(": ".join(fact) for fact in (*part.facts, *part.commands)))
        )
        for part in model_card(run, build_leaderboard(run))
    }


def _corrected(rows: list[LeaderboardRow]) -> dict[str, float]:
    pairs = ((row.trial_id, row.val_accuracy_corrected) for row in rows)
    return {name: value for name, value in pairs if value is not None}


def _tied() -> FakeRun:
    """An ensemble as accurate as the best network, of a lower loss."""
    fake = fake_run()
    fake.predictions = True
    best = fake.records[-1]
    add_ensemble(fake, val_accuracy=best.val_accuracy, val_loss=(best.val_loss or 0.0) / 2)
    return fake


def test_behind_an_ensemble_the_best_network_keeps_its_correction(tmp_path: Path):
    alone = fake_run()
    alone.predictions = True
    without = _corrected(build_leaderboard(read_run(alone.write(tmp_path / "without"))))
    run = read_run(_tied().write(tmp_path / "with"))
    rows = build_leaderboard(run)
    assert [row.trial_id for row in rows[:2]] == ["e0001", "0010-ft"]
    assert _corrected(rows) == without != {}
    assert run.statistics.choice is not None
    assert run.statistics.choice.trial_id == "0010-ft"
    assert run.statistics.why == ()


@pytest.mark.parametrize("value", ["row", True])
def test_the_note_tells_whose_correction_it_is_and_why_the_ensemble_has_none(
    write: Callable[[FakeRun], Run], value: object
):
    fake = _tied()
    allowed(fake, value)
    run = write(fake)
    rows = build_leaderboard(run)
    corrected = percent(_corrected(rows)["0010-ft"])
    told = run_notes(run, rows)
    assert any(
        note.startswith(
            "Rank 2, trial 0010-ft, has a validation accuracy of 97.9 %, corrected for the choice "
            f"{corrected} %"
        )
        and "as the best of 8 ranked single networks" in note
        for note in told
    )
    assert any(note.startswith("Rank 1 is an ensemble: its validation figures") for note in told)
    assert any("winner/ holds trial 0010-ft" in note for note in told) == (value == "row")


def test_one_network_beside_an_ensemble_was_not_chosen(tmp_path: Path):
    fake = _tied()
    fake.records = [one for one in fake.records if one.trial_id in ("0010-ft", "e0001")]
    fake.finalists, fake.folds = [], {}
    run = read_run(fake.write(tmp_path / "run"))
    assert run.statistics.choice is None
    assert run.statistics.why == (
        "one trial completed: nothing was chosen, so no accuracy is corrected for a choice",
    )


def test_missing_predictions_of_the_best_network_are_told_behind_an_ensemble(tmp_path: Path):
    path = _tied().write(tmp_path / "run")
    (path / "trials/0010-ft/validation.npy").unlink()
    run = read_run(path)
    assert run.statistics.choice is None
    assert any(
        why.startswith("the best single network's accuracy is not corrected for the choice")
        for why in run.statistics.why
    )


def _rewritten(run: Run, **changes: object) -> Run:
    """The run with a changed `statistics.json`, as an earlier version might have left it."""
    path = run.path / STATISTICS
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return read_run(run.path)


def test_statistics_of_an_earlier_version_are_those_of_rank_1(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.predictions = True
    run = write(fake)
    write_statistics(run)
    kept = json.loads((run.path / STATISTICS).read_text())["choice"]
    assert kept.pop("trial_id") == "0010-ft"
    again = _rewritten(run, choice=kept)
    assert is_current(again)
    assert again.statistics == run.statistics
    assert build_leaderboard(again) == build_leaderboard(run)


def test_an_earlier_version_that_corrected_nothing_is_worked_out_anew(
    write: Callable[[FakeRun], Run], monkeypatch: pytest.MonkeyPatch
):
    from reports import run_statistics

    run = write(_tied())
    with monkeypatch.context() as before:
        before.setattr(run_statistics, "_BEHIND_ENSEMBLE", "as it was")
        write_statistics(read_run(run.path))
    old = _rewritten(run, choice=None, why=["the winner's accuracy is not corrected"])
    assert not is_current(old)
    rows = [
        replace(
            row,
            val_accuracy_corrected=None,
            val_accuracy_corrected_low=None,
            val_accuracy_corrected_high=None,
        )
        for row in build_leaderboard(run)
    ]
    write_leaderboard(rows, run.path / "leaderboard.parquet", ())
    assert _corrected(read_leaderboard(run.path / "leaderboard.parquet")) == {}
    assert list(_corrected(load_leaderboard(run.path))) == ["0010-ft"]


def test_the_summary_begins_with_the_published_model(run: Run):
    summary = summarise(run, build_leaderboard(run))
    assert summary.headline == (
        "mini_resnet (fine-tuned), trial 0010-ft, is the published model in winner/: rank 2 of 15 "
        "trials by validation accuracy. Rank 1 is ensemble (of 2 networks), trial e0001, which is "
        "not published."
    )
    assert [group.title for group in summary.groups] == _TITLES
    shown, first = _facts(summary, 0), _facts(summary, 1)
    assert list(shown) == _FIGURES
    assert (shown["Test accuracy, all images"], first["Test accuracy, all images"]) == (
        "97.5 %",
        "100.0 %",
    )
    assert (shown["Missed positives, all images"], first["Missed positives, all images"]) == (
        "2 of 240",
        "0 of 240",
    )
    assert (shown["Network's size"], first["Network's size"]) == ("1.1M", "1.6M")
    assert "Validation accuracy, corrected for the choice" not in first
    detail = summary.groups[1].facts[0].detail
    assert detail.endswith("; out of fold, so not corrected for the choice")
    assert "Network's size" not in _facts(summary, 2)
    assert summary.rerun.endswith(" --trial 0010-ft")
    assert any(said.startswith("Trial 0010-ft was chosen on") for said in summary.sentences)
    assert any("clean ones trial 0010-ft reaches 96.9 %" in said for said in summary.sentences)


def test_page_and_markdown_say_whose_figures_they_are(run: Run):
    rows = build_leaderboard(run)
    page = Page(render_report(run, rows)).text
    for text in (page, render_markdown_report(run, rows).replace("\\", "")):
        at = [text.index(title) for title in _TITLES]
        assert at == sorted(at)
        assert "97.5 %" in text[at[0] : at[1]]
        assert "100.0 %" not in text[at[0] : at[1]].replace("92.6\N{EN DASH}100.0", "")
    board = page[page.index("\nLeaderboard\n") :]
    assert board.index("winner/ holds trial 0010-ft") < board.index("Rank")
    assert "The published model: winner/ holds this network, trial 0010-ft." in page
    assert "Not published: winner/ holds trial 0010-ft." in page


def test_the_notes_below_the_table_say_what_is_published(run: Run):
    rows = build_leaderboard(run)
    text = " ".join(render_rows(rows, told=run_notes(run, rows)).split())
    assert (
        "The folder winner/ holds trial 0010-ft, the best single network, and not rank 1, the "
        "ensemble e0001; with final.ensemble: true it would hold that." in text
    )


def test_the_card_is_that_of_the_published_model(run: Run):
    told = _card(run)
    assert told["Intended use"].startswith(
        "All of this card is of the published model, trial 0010-ft. The folder winner/ holds"
    )
    assert "trial: 0010-ft" in told["Network"]
    assert "weights: 1,100,000" in told["Network"]
    assert "An ensemble" not in told["Network"]
    assert "Test accuracy, all images: 97.5 %" in told["Metrics"]
    assert "corrected for the choice: 97." in told["Metrics"]
    assert "2 of 240 on all test images" in told["Limits"]
    assert "--trial 0010-ft" in told["Run it again"]
    assert "100.0 % (95 % interval 98" not in " ".join(told.values())


def test_the_models_figures_are_those_of_the_published_model(run: Run):
    rows = build_leaderboard(run)
    section = model_section(run, rows, looks_of(row.family for row in rows))
    assert section.tested is not None
    assert section.tested.trial_id == "0010-ft"
    assert section.whose == "Drawn are the answers of what winner/ holds, and not of rank 1:"
    assert "what winner/ holds, and not of rank 1: trial 0010-ft: mini_resnet" in " ".join(
        Page(render_report(run, rows)).text.split()
    )


def test_a_published_model_that_was_not_tested_says_so(write: Callable[[FakeRun], Run]):
    fake = ensemble_first()
    fake.answers = False
    fake.finalists, fake.folds = ["e0001", "0009"], {}
    run = write(fake)
    rows = build_leaderboard(run)
    section = model_section(run, rows, looks_of(row.family for row in rows))
    assert section.whose.startswith("What winner/ holds was not shown the test set.")
    fact = next(one for one in summarise(run, rows).groups[0].facts if "Test" in one.name)
    assert (fact.value, fact.detail) == ("not measured", "it has no figures on the test set")


def _hold(run: Run, trial_id: str) -> Run:
    path = run.path / "winner" / "architecture.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"trial_id": trial_id}))
    return read_run(run.path)


def test_an_ensemble_that_is_published_has_the_summary_to_itself(
    write: Callable[[FakeRun], Run],
):
    run = _hold(write(ensemble_first(True)), "e0001")
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    assert summary.headline.startswith("ensemble (of 2 networks), trial e0001, is the best of 15")
    assert [group.title for group in summary.groups] == [""]
    assert summary.rerun.endswith(" --rank 1")
    assert "An ensemble: several networks answer" in _card(run)["Network"]
    assert not any("winner/" in said for said in (*summary.sentences, *run_notes(run, rows)))


def test_a_winner_of_an_earlier_sitting_has_its_own_figures(write: Callable[[FakeRun], Run]):
    run = _hold(write(answered_run()), "0009")
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    assert summary.headline.startswith(
        "plain_cnn, trial 0009, is the published model in winner/: rank 4 of 14 trials"
    )
    assert _facts(summary, 0)["Test accuracy, all images"] == "95.0 %"
    assert "trial: 0009" in _card(run)["Network"]
    assert summary.warnings == summarise(read_run(run.path), rows).warnings
    assert any(
        "holds trial 0009 and not rank 1, trial 0010-ft" in one for one in run_notes(run, rows)
    )


def test_a_winner_that_is_no_row_is_a_warning(write: Callable[[FakeRun], Run]):
    run = _hold(write(answered_run()), "of another run")
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    assert summary.warnings[0].startswith(
        "The figures below are of rank 1. The folder winner/ holds trial of another run and not "
        "rank 1, trial 0010-ft"
    )
    assert _card(run)["Intended use"].startswith("All of this card is of rank 1, trial 0010-ft.")
    section = model_section(run, rows, looks_of(row.family for row in rows))
    assert section.whose == "Drawn are the answers of rank 1,"


def test_a_leaderboard_is_made_anew_once_another_network_is_published(
    write: Callable[[FakeRun], Run],
):
    from reports.loading import show_leaderboard

    run = write(answered_run())
    write_statistics(run)
    rows = build_leaderboard(run)
    write_leaderboard(rows, run.path / "leaderboard.parquet", run_notes(run, rows))
    assert not any("winner/" in note for note in show_leaderboard(run.path).notes)
    _hold(run, "0009")
    assert any("winner/ holds trial 0009" in note for note in show_leaderboard(run.path).notes)


def test_a_run_that_was_interrupted_before_its_end_claims_no_published_model(
    write: Callable[[FakeRun], Run],
) -> None:
    fake = ensemble_first()
    fake.info["state"] = "interrupted"
    run = write(fake)
    shutil.rmtree(run.path / "winner")
    run = read_run(run.path)
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    assert "trial e0001, is the best of" in summary.headline
    told = "Nothing is in winner/ yet: it will hold trial 0010-ft, the best single network"
    assert any(told in warning for warning in summary.warnings)
    assert any(told in note for note in run_notes(run, rows))
    page = render_report(run, rows)
    assert "The published model:" not in page
    assert "Not published" not in page
