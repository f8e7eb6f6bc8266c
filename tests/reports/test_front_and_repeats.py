from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_trial_records import RECORDS

from reports import Origin, Run, Stage, Status, TrialRecord, build_leaderboard, render_rows
from reports.ranking import Ranking, front_of, repeats_of

_BASE = TrialRecord(
    trial_id="t0",
    stage=Stage.SEARCH,
    origin=Origin.SAMPLER,
    family="plain_cnn",
    status=Status.COMPLETED,
    hyperparameters={},
    seed=0,
    epochs=3,
    epochs_allowed=3,
    seconds=1.0,
    data_fingerprint="f",
    synthetic=False,
    image_size=32,
    started_at="2026-01-31T12:00:00+00:00",
    finished_at="2026-01-31T12:00:09+00:00",
    val_loss=0.5,
)


def trial(name: str, accuracy: float, **others) -> TrialRecord:
    return replace(_BASE, trial_id=name, val_accuracy=accuracy, **others)


def board(records, objective="val_accuracy"):
    info = {"experiment": {"search": {"objective": objective}}}
    return build_leaderboard(Run(Path("/nowhere"), info, tuple(records), None))


def test_the_front_has_those_that_no_other_beats():
    records = [
        trial("large", 0.95, parameters=900),
        trial("small", 0.90, parameters=100),
        trial("worse", 0.89, parameters=200),
        trial("equal", 0.90, parameters=100),
        trial("unknown", 0.99),
    ]
    rows = board(records, ["val_accuracy", "parameters"])
    assert {row.trial_id for row in rows if row.pareto} == {"large", "small", "equal"}
    assert {row.trial_id for row in rows if row.pareto is False} == {"worse", "unknown"}
    assert "Pareto front" in render_rows(rows, format="markdown")


def test_missed_positives_are_those_of_the_validation_part():
    records = [trial("a", 0.9, val_missed_positives=3), trial("b", 0.8, val_missed_positives=1)]
    assert front_of(records, ("missed_positives",)) == {"b"}


def test_a_single_objective_has_no_front():
    assert [row.pareto for row in board([trial("a", 0.9)])] == [None]


@given(st.lists(RECORDS, max_size=10, unique_by=lambda record: record.trial_id))
def test_what_is_not_on_the_front_is_beaten_by_something_on_it(records):
    names = ("val_accuracy", "parameters")
    known = [r for r in records if r.val_accuracy is not None and r.parameters is not None]
    front = front_of(records, names)
    assert bool(front) is bool(known)
    for record in known:
        if record.trial_id not in front:
            assert any(
                other.val_accuracy >= record.val_accuracy and other.parameters <= record.parameters
                for other in known
                if other.trial_id in front
            )


def test_what_breaks_a_constraint_has_no_rank():
    rows = board([trial("a", 0.99, feasible=False), trial("b", 0.9, feasible=True)])
    assert [(row.trial_id, row.rank) for row in rows] == [("b", 1), ("a", None)]
    assert "breaks a constraint" in render_rows(rows, format="markdown")


@pytest.mark.parametrize(
    ("objective", "first"),
    [("val_accuracy", "a"), ("val_loss", "b"), (["parameters", "val_loss"], "b")],
)
def test_rows_are_ranked_by_the_first_objective_that_is_a_score(objective, first):
    records = [trial("a", 0.9, val_loss=0.4), trial("b", 0.8, val_loss=0.3)]
    assert board(records, objective)[0].trial_id == first


def test_the_order_is_told_by_its_name():
    assert Ranking(("val_loss",)).score == "validation loss"
    assert Ranking(("latency_ms",)).score == "validation accuracy"


def test_repeats_share_the_mean_and_spread_of_their_configuration():
    records = [
        trial("a", 0.90),
        trial("b", 0.94, origin=Origin.REPEAT, parent_id="a"),
        trial("c", 0.92, origin=Origin.REPEAT, parent_id="a"),
        trial("alone", 0.99),
    ]
    found = repeats_of(records)
    assert found.keys() == {"a", "b", "c"}
    assert found["b"] == found["a"]
    assert (found["a"].count, found["a"].mean) == (3, pytest.approx(0.92))
    assert found["a"].deviation == pytest.approx(0.02)
    assert "92.0 ± 2.0 % over 3 seeds" in render_rows(board(records), format="markdown")


def test_a_repeat_that_failed_does_not_count_and_a_fine_tuned_model_is_no_repeat():
    records = [
        trial("a", 0.9),
        trial("b", 0.5, origin=Origin.REPEAT, parent_id="a", status=Status.FAILED),
        trial("a-ft", 0.95, stage=Stage.FINE_TUNE, parent_id="a"),
    ]
    found = repeats_of(records)
    assert (found["a"].count, found["a"].deviation) == (1, None)
    assert "a-ft" not in found
