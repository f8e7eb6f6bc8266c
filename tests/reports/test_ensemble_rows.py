"""What readers are told of an ensemble: its members, and what winner/ holds."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_run import FakeRun

from reports import Run, Stage, build_leaderboard
from reports.ensembles import members_of
from reports.summary import summarise

MEMBERS = {
    "family": "ensemble",
    "ensemble/members": 2,
    "ensemble/member_1": "0010",
    "ensemble/weight_1": 0.625,
    "ensemble/member_2": "0004",
    "ensemble/weight_2": 0.375,
}


def add_ensemble(fake: FakeRun, name: str = "e0001", **changes):
    best = next(one for one in fake.records if one.trial_id == "0010")
    made = replace(
        best,
        trial_id=name,
        stage=Stage.ENSEMBLE,
        family="ensemble",
        hyperparameters=MEMBERS,
        val_accuracy=0.99,
        **changes,
    )
    fake.records.append(made)
    return made


def allowed(fake: FakeRun, value: object) -> None:
    fake.info.setdefault("experiment", {}).setdefault("final", {})["ensemble"] = value


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
