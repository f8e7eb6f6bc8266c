"""Ten failures of one kind in a row stop a search; anything else in between does not."""

from dataclasses import replace
from pathlib import Path

import pytest
from doubles import book, completed

from neurosweep.errors import RepeatedFailureError
from reports import Origin, Stage, Status, TrialRecord
from search.books.failure_streak import FailureStreak
from search.books.trial_book import Outcome
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory

FAILED = TrialRecord(
    trial_id="t0000",
    stage=Stage.SEARCH,
    origin=Origin.SAMPLER,
    family="plain_cnn",
    status=Status.FAILED,
    stop_reason="ValueError",
    error="ValueError: kernel 3 is larger than 2.5e-3",
    hyperparameters={},
    seed=0,
    epochs=0,
    epochs_allowed=5,
    seconds=0.0,
    data_fingerprint="f",
    synthetic=True,
    image_size=32,
    started_at="2026-11-24T10:00:00+00:00",
    finished_at="2026-11-24T10:01:00+00:00",
)


def failing(number: int, error: str = "", kind: str = "ValueError") -> TrialRecord:
    error = error or f"ValueError: kernel {number} is larger than {number * 1e-7}"
    return replace(FAILED, trial_id=f"t{number:04d}", error=error, stop_reason=kind)


@pytest.fixture
def streak():
    return FailureStreak(Path("/runs/x"))


def test_the_tenth_of_a_kind_stops_the_search_and_says_what_to_do(streak):
    for number in range(9):
        streak.note(failing(number))
    with pytest.raises(RepeatedFailureError) as caught:
        streak.note(failing(9))
    message = str(caught.value)
    assert "10 trials in a row failed in the same way" in message
    assert "ValueError: kernel 9 is larger" in message
    assert "/runs/x/trials/t0009/log.txt" in message
    assert "neurosweep search --resume --output /runs/x" in message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("resumed", [False, True])
def test_after_a_completed_trial_the_exit_code_is_one(streak, resumed):
    done = replace(FAILED, status=Status.COMPLETED, stop_reason="finished", error=None)
    if resumed:
        streak.resume([done])
    else:
        streak.note(done)
    for number in range(9):
        streak.note(failing(number))
    with pytest.raises(RepeatedFailureError) as caught:
        streak.note(failing(9))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "between",
    [
        replace(FAILED, status=Status.COMPLETED, stop_reason="finished", error=None),
        replace(FAILED, status=Status.PRUNED, stop_reason="scheduler", error=None),
        failing(1, "ValueError: pool 3 is larger"),
        failing(1, kind="TypeError"),
    ],
)
def test_any_other_end_begins_the_count_anew(streak, between):
    for number in range(9):
        streak.note(failing(number))
    streak.note(between)
    for number in range(9):
        streak.note(failing(number))
    with pytest.raises(RepeatedFailureError):
        streak.note(failing(9))


def test_the_book_stops_after_the_record_is_written(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
        ours = book(run, budget=Budget(trials=30, seconds=None))
        ours.end(ours.next_assignment().trial_id, completed(0.5))
        outcome = Outcome(failure={"kind": "ValueError", "message": "layer 3 does not fit"})
        for _ in range(9):
            ours.end(ours.next_assignment().trial_id, outcome)
        with pytest.raises(RepeatedFailureError) as caught:
            ours.end(ours.next_assignment().trial_id, outcome)
        assert caught.value.exit_code == 1
        assert len((run.path / "trials.jsonl").read_text().splitlines()) == 11
        assert ours.running == 0
