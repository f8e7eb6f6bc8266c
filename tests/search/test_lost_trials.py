"""The books when workers are lost: a trial comes again under its own number, but not for ever."""

import optuna
import pytest
from doubles import Clock, book, completed, epoch, failed

import reports
from neurosweep.errors import WorkerLostError
from reports import Status, TrialRecord
from search.books.trial_book import Outcome
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory

LOST = Outcome(failure={"kind": "WorkerLostError", "message": "killed from outside\nlast words"})


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def lines(run):
    path = run.path / "trials.jsonl"
    text = path.read_text() if path.exists() else ""
    return [TrialRecord.from_json(line) for line in text.splitlines()]


def states(run):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(run.journal))
    study = optuna.load_study(study_name="search", storage=optuna.storages.JournalStorage(backend))
    return [trial.state.name for trial in study.trials]


def test_a_trial_that_lost_its_worker_is_the_next_one_handed_out(run):
    ours = book(run)
    lost, other = ours.next_assignment(), ours.next_assignment()
    ours.note_epoch(lost.trial_id, epoch(1, 0.3))
    assert ours.end(lost.trial_id, LOST) is None
    assert not lines(run)
    again = ours.next_assignment()
    assert (again.trial_id, again.recipe) == (lost.trial_id, lost.recipe)
    assert (run.path / "trials" / lost.trial_id / "epochs.jsonl").read_text() == ""
    ours.note_epoch(again.trial_id, epoch(1, 0.3))
    ours.end(again.trial_id, completed(0.8))
    ours.end(other.trial_id, completed(0.7))
    while not ours.exhausted:
        ours.end(ours.next_assignment().trial_id, completed(0.5))
    assert sorted(r.trial_id for r in lines(run)) == ["t0000", "t0001", "t0002", "t0003"]
    assert states(run) == ["COMPLETE"] * 4
    notes = [text for kind, text in ours._display.told if kind == "note"]
    assert notes == ["t0000 lost its worker and starts again (attempt 2 of 3): killed from outside"]


def test_the_third_loss_is_a_failure_with_its_reason(run):
    ours = book(run)
    for _ in range(2):
        assert ours.end(ours.next_assignment().trial_id, LOST) is None
    record = ours.end(ours.next_assignment().trial_id, LOST)
    assert record is not None
    assert (record.trial_id, record.status) == ("t0000", Status.FAILED)
    assert record.stop_reason == "WorkerLostError"
    assert "lost its worker in 3 of 3 attempts, the last time: killed from" in str(record.error)
    assert "last words" in (run.path / "trials" / "t0000" / "log.txt").read_text()
    assert ours.next_assignment().trial_id == "t0001"
    assert states(run) == ["FAIL", "RUNNING"]


def test_a_loss_counts_for_its_own_trial_only(run):
    ours = book(run)
    for _ in range(3):
        first, second = ours.next_assignment(), ours.next_assignment()
        assert first.trial_id != second.trial_id
        ends = [ours.end(name.trial_id, LOST) for name in (first, second)]
    assert [record and record.status for record in ends] == [Status.FAILED, Status.FAILED]


def test_a_worker_that_vanishes_before_an_epoch_is_lost(run):
    ours = book(run)
    assert ours.end(ours.next_assignment().trial_id, None) is None
    assert ours.next_assignment().trial_id == "t0000"


def test_a_result_whose_weights_are_lost_with_their_node_is_trained_again(run):
    def gone():
        raise WorkerLostError("the node went away")

    ours = book(run)
    name = ours.next_assignment().trial_id
    outcome = Outcome(result=completed(0.9).result, fetch_weights=gone)
    assert ours.end(name, outcome) is None
    assert not (run.path / "trials" / name / "validation.npy").exists()
    assert ours.next_assignment().trial_id == name


@pytest.mark.parametrize(
    "kind", ["ValueError", "DivergedError", "HungError", "TimeLimitError", "OutOfMemoryError"]
)
def test_a_trials_own_failure_is_not_tried_again(run, kind):
    ours = book(run)
    failure = {**failed().failure, "kind": kind}
    record = ours.end(ours.next_assignment().trial_id, Outcome(failure=failure))
    assert record is not None
    assert (record.status, record.stop_reason) == (Status.FAILED, kind)
    assert ours.next_assignment().trial_id == "t0001"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(run, clock):
    """Books with 100 seconds, of which the search has 80."""
    return book(run, budget=Budget(trials=None, seconds=100.0, clock=clock))


def test_after_the_time_for_the_search_a_lost_trial_keeps_its_epochs(run, timed, clock):
    name = timed.next_assignment().trial_id
    for number, accuracy in ((1, 0.4), (2, 0.8), (3, 0.6)):
        timed.note_epoch(name, epoch(number, accuracy))
    clock.now = 80.0
    record = timed.end(name, LOST)
    assert (record.status, record.stop_reason) == (Status.PRUNED, "budget")
    assert (record.epochs, record.kept_epoch, record.val_accuracy) == (3, 2, 0.8)
    assert record.stop_detail == (
        "the budget ended before it could start again: the trial lost its worker in 1 of 3 "
        "attempts, the last time: killed from outside"
    )
    assert "last words" in (run.path / "trials" / name / "log.txt").read_text()
    assert states(run) == ["PRUNED"]


def test_after_the_time_for_the_search_a_trial_lost_in_its_first_epoch_is_no_failure(
    run, timed, clock
):
    name = timed.next_assignment().trial_id
    clock.now = 80.0
    record = timed.end(name, LOST)
    assert (record.status, record.stop_reason, record.epochs) == (Status.PRUNED, "budget", 0)
    assert states(run) == ["PRUNED"]


def test_after_the_time_for_the_search_three_lost_workers_are_still_a_failure(run, timed, clock):
    for _ in range(2):
        assert timed.end(timed.next_assignment().trial_id, LOST) is None
    name = timed.next_assignment().trial_id
    clock.now = 80.0
    assert timed.end(name, LOST).status == Status.FAILED
    assert states(run) == ["FAIL"]


def test_a_trial_that_waits_when_the_time_ends_keeps_what_was_held_for_it(timed, clock):
    name = timed.next_assignment().trial_id
    timed.began(name)
    clock.now = 30.0
    timed.note_epoch(name, epoch(1, 0.4))
    assert timed.end(name, LOST) is None
    clock.now = 80.0
    timed.close_waiting()
    (record,) = timed.records
    assert (record.status, record.stop_reason, record.epochs) == (Status.PRUNED, "budget", 1)
    assert record.stop_detail == "the budget ended before it could start again"
    assert record.held_seconds == 30.0


def test_a_trial_that_waits_to_come_again_is_taken_up_after_a_kill_of_the_driver(run):
    killed = book(run)
    killed.end(killed.next_assignment().trial_id, LOST)
    after = book(run)
    after.resume(list(reports.read_run(run.path).records))
    assert after.next_assignment().trial_id == "t0000"
