"""What readers are told of an ensemble: its members, and what winner/ holds."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_ensemble import MEMBERS, add_ensemble, allowed
from fake_run import FakeRun, answered_run

from reports import Run, Stage, build_leaderboard
from reports.ensembles import members_of
from reports.figures.palette import looks_of
from reports.model_card import model_card
from reports.model_section import ModelSection, model_section
from reports.summary import summarise


def test_members_and_weights_are_read_from_its_settings(fake: FakeRun):
    made = add_ensemble(fake)
    assert members_of(made) == (("0010", 0.625), ("0004", 0.375))
    assert members_of(replace(made, stage=Stage.SEARCH)) == ()
    odd = replace(made, hyperparameters={**MEMBERS, "ensemble/weight_2": "much"})
    assert members_of(odd) == (("0010", 0.625), ("0004", 0.0))


def test_an_ensemble_that_may_not_win_leaves_the_folder_to_the_best_network(
    fake: FakeRun, write: Callable[[FakeRun], Run]
):
    add_ensemble(fake)
    allowed(fake, "row")
    run = write(fake)
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    assert rows[0].trial_id == "e0001"
    said = " ".join(summary.sentences)
    assert "the weighted mean of what trials 0010 (62 %), 0004 (38 %) say" in said
    assert f"winner/ holds trial {rows[1].trial_id}, the best single network" in said


def test_an_ensemble_that_won_is_what_the_folder_holds(
    fake: FakeRun, write: Callable[[FakeRun], Run]
):
    add_ensemble(fake)
    allowed(fake, True)
    run = write(fake)
    said = " ".join(summarise(run, build_leaderboard(run)).sentences)
    assert "The ensemble is the weighted mean" in said
    assert "winner/" not in said


def test_a_network_that_won_needs_no_word_on_the_ensemble(run: Run):
    said = " ".join(summarise(run, build_leaderboard(run)).sentences)
    assert "ensemble" not in said


@pytest.mark.parametrize(("told", "left"), [("e0002", ["e0002"]), (None, [])])
def test_the_ensemble_that_stands_is_the_one_that_run_yaml_names(
    told, left, fake: FakeRun, write: Callable[[FakeRun], Run]
):
    add_ensemble(fake)
    add_ensemble(fake, "e0002")
    fake.info["ensemble"] = {"trial_id": told, "candidates": []}
    rows = build_leaderboard(write(fake))
    assert [row.trial_id for row in rows if row.stage is Stage.ENSEMBLE] == left


def test_without_a_word_in_run_yaml_it_stands(fake: FakeRun, write: Callable[[FakeRun], Run]):
    add_ensemble(fake)
    fake.info["ensemble"] = "edited"
    assert build_leaderboard(write(fake))[0].trial_id == "e0001"


def drawn(run: Run) -> ModelSection:
    rows = build_leaderboard(run)
    return model_section(run, rows, looks_of(row.family for row in rows))


def test_the_network_that_is_drawn_is_named_where_an_ensemble_is_first(
    write: Callable[[FakeRun], Run],
):
    fake = answered_run()
    add_ensemble(fake)
    allowed(fake, "row")
    run = write(fake)
    section = drawn(run)
    assert section.figures[0].title == "The network of trial 0010-ft"
    note = section.notes[0]
    assert "winner/ holds trial 0010-ft, the best single network" in note
    assert "drawn and listed here" in note
    card = " ".join(s for part in model_card(run, build_leaderboard(run)) for s in part.sentences)
    assert "winner/ holds trial 0010-ft, the best single network" in card


def test_a_winner_folder_of_an_earlier_sitting_is_told(write: Callable[[FakeRun], Run]):
    fake = answered_run()
    fake.records.append(replace(fake.records[-1], trial_id="0099", val_accuracy=1.0))
    run = write(fake)
    (note, *_) = drawn(run).notes
    assert "winner/ holds trial 0010-ft and not rank 1, trial 0099" in note
    assert note.split(":")[0] in " ".join(summarise(run, build_leaderboard(run)).sentences)


def test_the_network_of_rank_1_needs_no_note(write: Callable[[FakeRun], Run]):
    section = drawn(write(answered_run()))
    assert section.notes == ()
    assert section.figures[0].title == "The network of trial 0010-ft"
