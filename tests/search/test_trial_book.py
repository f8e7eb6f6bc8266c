import json

import numpy as np
import pytest
from doubles import Clock, book, completed, epoch, failed

import reports
from reports import Status, TrialRecord
from search.books.trial_records import best_epoch
from search.books.weights_kept import load_weights
from search.budgets.budget import Budget
from search.display.tally import Tally
from search.objective import Aim
from search.runs.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def lines(run):
    text = (run.path / "trials.jsonl").read_text()
    return [TrialRecord.from_json(line) for line in text.splitlines()]


def test_a_completed_trial_is_recorded_with_its_recipe_and_predictions(run):
    ours = book(run)
    trial = ours.next_assignment()
    ours.note_epoch(trial.trial_id, epoch(1, 0.5))
    record = ours.end(trial.trial_id, completed(0.8))
    assert record.status == Status.COMPLETED
    assert lines(run) == [record]
    folder = run.path / "trials" / trial.trial_id
    written = json.loads((folder / "record.json").read_text())
    assert written["recipe"] == trial.recipe.to_dict()
    assert np.load(folder / "validation.npy").shape == (8, 4)
    assert [array.shape for array in load_weights(run, trial.trial_id)] == [(3,), (2, 2)]


def test_a_trial_stopped_by_the_scheduler_is_pruned_with_its_best_epoch(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    for number, accuracy in ((1, 0.3), (2, 0.6), (3, 0.4)):
        ours.note_epoch(name, epoch(number, accuracy))
    ours.note_stop(name, "0.6 after epoch 3 is not among the best 2 of 4")
    record = ours.end(name, None)
    assert (record.status, record.stop_reason) == (Status.PRUNED, "scheduler")
    assert record.stop_detail == "0.6 after epoch 3 is not among the best 2 of 4"
    assert lines(run) == [record]
    assert (record.val_accuracy, record.kept_epoch, record.epochs) == (0.6, 2, 3)
    recipe = json.loads((run.path / "trials" / name / "record.json").read_text())["recipe"]
    assert recipe["stop_epoch"] == 3
    assert recipe["epochs"] == 5


def test_a_failed_trial_leaves_its_traceback_and_reason(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    record = ours.end(name, failed("out of memory\nsecond line"))
    assert record.status == Status.FAILED
    assert record.error == "ResourceExhaustedError: out of memory"
    assert record.val_accuracy is None
    assert "Traceback" in (run.path / "trials" / name / "log.txt").read_text()


def test_displays_are_told_where_a_trial_runs_and_what_ended_before(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    tally = Tally(Budget(trials=4, seconds=None))
    tally.started(name, {"family": "plain_cnn"}, "")
    ours._display = tally
    ours.note_epoch(name, epoch(1, 0.5), "node-a/4711")
    assert tally.standing().running[0].where == "node-a/4711"
    record = ours.end(name, completed(0.8))
    later = book(run)
    later._display = tally = Tally(Budget(trials=4, seconds=None))
    later.resume([record])
    assert tally.standing().counts["completed"] == 1


def test_a_trial_stopped_by_the_budget_is_complete_and_says_so(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    record = ours.end(name, completed(0.8, epochs=2, stop_reason="stopped"))
    assert (record.status, record.stop_reason) == (Status.COMPLETED, "budget")
    recipe = json.loads((run.path / "trials" / name / "record.json").read_text())["recipe"]
    assert recipe["stop_epoch"] == 2


def test_all_ends_count_towards_the_number_of_trials(run):
    ours = book(run)
    names = [ours.next_assignment().trial_id for _ in range(3)]
    assert not ours.exhausted
    names.append(ours.next_assignment().trial_id)
    assert ours.exhausted
    ours.note_epoch(names[0], epoch(1, 0.4))
    for name, outcome in zip(names, (None, completed(0.5), failed(), completed(0.6)), strict=True):
        ours.end(name, outcome)
    assert ours.exhausted
    assert [r.status for r in lines(run)] == ["pruned", "completed", "failed", "completed"]


def test_no_trial_starts_after_the_time_for_the_search(run):
    clock = Clock()
    ours = book(run, budget=Budget(trials=None, seconds=100.0, clock=clock))
    assert not ours.exhausted
    clock.now = 79.0
    assert not ours.exhausted
    clock.now = 80.0
    assert ours.exhausted


def test_only_weights_of_finalists_stay(run):
    ours = book(run, budget=Budget(trials=20, seconds=None))
    for accuracy in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        ours.end(ours.next_assignment().trial_id, completed(accuracy))
    kept = {path.parent.name for path in run.path.glob("trials/*/weights.npz")}
    best = sorted(ours.records, key=lambda r: -(r.val_accuracy or 0))
    wanted = {r.trial_id for r in best[:2]}
    wanted |= {next(r for r in best if r.family == f).trial_id for f in {r.family for r in best}}
    assert kept == wanted
    assert len(list(run.path.glob("trials/*/validation.npy"))) == 8


def test_weights_that_are_not_wanted_are_not_even_fetched(run):
    ours = book(
        run,
        budget=Budget(trials=20, seconds=None),
        text="families: {plain_cnn: {}}\ndata: {image_size: 32}\nfinal: {finalists: 1}",
    )
    ours.end(ours.next_assignment().trial_id, completed(0.9))
    fetched = []
    worse = completed(0.2)
    spy = type(worse)(result=worse.result, fetch_weights=lambda: fetched.append(1) or [])
    ours.end(ours.next_assignment().trial_id, spy)
    assert not fetched


def test_resume_takes_up_running_trials_first_and_counts_recorded_ones(run):
    killed = book(run)
    done, running = killed.next_assignment(), killed.next_assignment()
    killed.end(done.trial_id, completed(0.5))
    killed.note_epoch(running.trial_id, epoch(1, 0.2))

    after = book(run)
    after.resume(list(reports.read_run(run.path).records))
    again = after.next_assignment()
    assert again.trial_id == running.trial_id
    assert again.recipe == running.recipe
    after.note_epoch(again.trial_id, epoch(1, 0.2))
    after.end(again.trial_id, completed(0.6))
    while not after.exhausted:
        after.end(after.next_assignment().trial_id, completed(0.4))
    names = [record.trial_id for record in lines(run)]
    assert sorted(names) == ["t0000", "t0001", "t0002", "t0003"]


def interrupted(*_, **__):
    raise KeyboardInterrupt


def test_a_record_written_but_not_told_is_told_on_resume(run, monkeypatch):
    from search.studies.study import Study

    killed = book(run)
    name = killed.next_assignment().trial_id
    with monkeypatch.context() as patched:
        patched.setattr(Study, "complete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            killed.end(name, completed(0.5))
    after = book(run)
    after.resume(list(reports.read_run(run.path).records))
    assert after.next_assignment().trial_id == "t0001"


def test_the_best_epoch_is_the_first_of_the_highest_accuracy_with_the_lowest_loss():
    epochs = [epoch(1, 0.5, 1.0), epoch(2, 0.7, 0.9), epoch(3, 0.7, 0.8), epoch(4, 0.7, 0.8)]
    assert best_epoch(epochs, Aim())["epoch"] == 3
    by_loss = [epoch(1, 0.5, 0.3), epoch(2, 0.7, 0.9), epoch(3, 0.6, 0.3)]
    assert best_epoch(by_loss, Aim(("val_loss",)))["epoch"] == 3


def test_a_kill_before_a_record_counts_leaves_every_finalist_its_weights(run, monkeypatch):
    text = "families: {plain_cnn: {}}\ndata: {image_size: 32}\nfinal: {finalists: 1}"
    killed = book(run, budget=Budget(trials=9, seconds=None), text=text)
    killed.end(killed.next_assignment().trial_id, completed(0.5))
    better = killed.next_assignment().trial_id
    with monkeypatch.context() as patched:
        patched.setattr(type(run), "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            killed.end(better, completed(0.9))
    assert load_weights(run, "t0000")
    after = book(run, budget=Budget(trials=9, seconds=None), text=text)
    after.resume(list(reports.read_run(run.path).records))
    after.end(after.next_assignment().trial_id, completed(0.9))
    assert not (run.path / "trials" / "t0000" / "weights.npz").exists()
    assert load_weights(run, better)
