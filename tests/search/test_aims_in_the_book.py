import json
from dataclasses import replace

import numpy as np
import optuna
import pytest
from doubles import Clock, book, completed, epoch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import reports
from reports import Origin, Status
from search.books.trial_book import Outcome
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory

SEVERAL = """
families: {plain_cnn: {}}
data: {image_size: 32}
training: {epochs: 5}
search: {trials: 9, papers: false, SEARCH}
final: {finalists: 1}
"""


def text(search: str) -> str:
    return SEVERAL.replace("SEARCH", search)


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def wide(trials: int = 9) -> Budget:
    return Budget(trials=trials, seconds=None)


def told(run):
    """What Optuna's own reader finds in the journal."""
    storage = JournalStorage(JournalFileBackend(str(run.journal)))
    return optuna.load_study(study_name="search", storage=storage)


def with_figures(outcome: Outcome, **figures) -> Outcome:
    return replace(outcome, result={**outcome.result, **figures})


def test_a_loss_is_told_as_a_loss_that_is_to_become_small(run):
    ours = book(run, budget=wide(), text=text("objective: val_loss"))
    name = ours.next_assignment().trial_id
    for number, loss in ((1, 0.9), (2, 0.4), (3, 0.7)):
        ours.note_epoch(name, epoch(number, 0.5, loss))
    ours.end(name, completed(0.8))
    study = told(run)
    assert study.direction.name == "MINIMIZE"
    assert study.trials[0].value == pytest.approx(0.2)
    assert study.trials[0].intermediate_values == {1: 0.9, 2: 0.4, 3: 0.4}


def test_a_pruned_trial_keeps_the_epoch_of_the_best_loss(run):
    ours = book(run, budget=wide(), text=text("objective: val_loss"))
    name = ours.next_assignment().trial_id
    for number, (accuracy, loss) in enumerate(((0.5, 0.9), (0.5, 0.4), (0.9, 0.7)), start=1):
        ours.note_epoch(name, epoch(number, accuracy, loss))
    record = ours.end(name, None)
    assert (record.kept_epoch, record.val_loss) == (2, 0.4)


@pytest.mark.parametrize("figure", ["val_loss", "val_accuracy"])
def test_recipes_say_by_what_the_epoch_is_kept(run, figure):
    ours = book(run, budget=wide(), text=text(f"objective: [parameters, {figure}]"))
    assert ours.next_assignment().recipe.keep_by == figure


def test_several_objectives_are_all_told(run):
    ours = book(run, budget=wide(), text=text("objective: [val_accuracy, parameters]"))
    name = ours.next_assignment().trial_id
    ours.note_epoch(name, epoch(1, 0.5))
    ours.end(name, completed(0.8))
    (trial,) = told(run).trials
    assert trial.values == [0.8, 100.0]


def test_no_epoch_is_told_where_the_objective_is_known_at_the_end_alone(run):
    ours = book(run, budget=wide(), text=text("objective: parameters"))
    name = ours.next_assignment().trial_id
    ours.note_epoch(name, epoch(1, 0.5))
    ours.end(name, completed(0.8))
    (trial,) = told(run).trials
    assert (trial.value, trial.intermediate_values) == (100.0, {})


def test_a_trial_without_a_figure_that_is_aimed_at_teaches_as_a_failure(run):
    ours = book(run, budget=wide(), text=text("objective: [val_accuracy, latency_ms]"))
    ours.end(ours.next_assignment().trial_id, completed(0.8))
    (trial,) = told(run).trials
    assert trial.state.name == "FAIL"
    assert "without latency_ms" in trial.user_attrs["failure"]


def test_missed_positives_are_counted_on_the_validation_part(run):
    ours = book(run, budget=wide(), text=text("objective: missed_positives"))
    ours._maker._score = lambda probabilities: {"val_missed_positives": len(probabilities)}
    record = ours.end(ours.next_assignment().trial_id, completed(0.8))
    assert record.val_missed_positives == 8
    assert told(run).trials[0].value == 8.0


def test_what_breaks_a_constraint_is_no_finalist_and_tells_by_how_much(run):
    ours = book(run, budget=wide(), text=text("constraints: ['parameters <= 80']"))
    best, second = (ours.next_assignment().trial_id for _ in range(2))
    record = ours.end(best, completed(0.99))
    assert (record.status, record.feasible) == (Status.COMPLETED, False)
    assert record.stop_detail == "100 breaks parameters <= 80"
    ours.end(second, with_figures(completed(0.5), parameters=60))
    kept = {path.parent.name for path in run.path.glob("trials/*/weights.npz")}
    assert kept == {second}
    assert list(told(run).trials[0].constraints.values()) == [pytest.approx(0.25)]


def test_a_network_beyond_its_bound_is_pruned_untrained(run):
    ours = book(run, budget=wide(), text=text("constraints: ['parameters <= 80']"))
    name = ours.next_assignment().trial_id
    failure = {"kind": "InfeasibleError", "message": "too large", "parameters": 200}
    record = ours.end(name, Outcome(failure=failure))
    assert (record.status, record.stop_reason) == (Status.PRUNED, "constraint")
    assert (record.epochs, record.parameters, record.feasible) == (0, 200, False)
    (trial,) = told(run).trials
    assert trial.state.name == "PRUNED"
    assert list(trial.constraints.values()) == [pytest.approx(1.5)]


def test_completed_configurations_are_repeated_with_other_seeds(run):
    ours = book(run, budget=wide(), text=text("repeats: 3"))
    first = ours.next_assignment()
    ours.end(first.trial_id, completed(0.8))
    again = [ours.next_assignment() for _ in range(2)]
    assert {one.suggestion.origin for one in again} == {"repeat"}
    assert all(one.recipe.configuration == first.recipe.configuration for one in again)
    assert len({one.recipe.seed for one in (first, *again)}) == 3
    record = ours.end(again[0].trial_id, completed(0.6))
    assert (record.origin, record.parent_id) == (Origin.REPEAT, first.trial_id)
    assert ours.next_assignment().suggestion.origin == "sampler"


def test_a_pruned_configuration_is_not_repeated(run):
    ours = book(run, budget=wide(), text=text("repeats: 3"))
    name = ours.next_assignment().trial_id
    ours.note_epoch(name, epoch(1, 0.1))
    ours.end(name, None)
    assert ours.next_assignment().suggestion.origin == "sampler"


def test_repeats_that_a_killed_driver_owed_are_made_up(run):
    killed = book(run, budget=wide(), text=text("repeats: 3"))
    first = killed.next_assignment()
    killed.end(first.trial_id, completed(0.8))
    running = killed.next_assignment()
    after = book(run, budget=wide(), text=text("repeats: 3"))
    after.resume(list(reports.read_run(run.path).records))
    handed_out = [after.next_assignment() for _ in range(3)]
    assert handed_out[0].trial_id == running.trial_id
    assert [one.suggestion.origin for one in handed_out] == ["repeat", "repeat", "sampler"]
    assert {one.suggestion.repeat_of for one in handed_out[:2]} == {0}


class Countdown:
    def __init__(self):
        self.told = []

    def tell(self, seconds, last):
        assert last is None or last >= seconds
        self.told.append(seconds)


def test_workers_are_told_how_long_the_search_goes_on(run):
    clock, left = Clock(), Countdown()
    budget = Budget(trials=None, seconds=None, worker_hours=1.0, clock=clock)
    ours = book(run, budget=budget)
    ours.follow(left)
    names = [ours.next_assignment().trial_id for _ in range(2)]
    for name in names:
        ours.began(name)
    assert left.told == [pytest.approx(3168.0), pytest.approx(3168.0), pytest.approx(1584.0)]
    clock.now = 600.0
    record = ours.end(names[0], completed(0.5))
    assert record.held_seconds == 600.0
    assert left.told[-1] == pytest.approx(1968.0)
    ours.stop("somebody")
    assert left.told[-1] == 0.0
    assert ours.exhausted


def test_no_trial_begins_that_could_not_end_its_first_epoch(run):
    clock = Clock()
    ours = book(run, budget=Budget(trials=None, seconds=100.0, clock=clock))
    name = ours.next_assignment().trial_id
    ours.note_epoch(name, {**epoch(1, 0.5), "seconds": 30.0})
    clock.now = 49.0
    assert not ours.exhausted
    clock.now = 51.0
    assert ours.exhausted


def test_predictions_are_kept_with_the_figures_of_the_record(run):
    ours = book(run, budget=wide(), text=text("objective: [val_accuracy, latency_ms]"))
    name = ours.next_assignment().trial_id
    record = ours.end(name, with_figures(completed(0.8), latency_ms=3.5))
    assert record.latency_ms == 3.5
    written = json.loads((run.path / "trials" / name / "record.json").read_text())
    assert written["latency_ms"] == 3.5
    assert np.load(run.path / "trials" / name / "validation.npy").shape == (8, 4)


def test_repeats_are_never_stopped_for_their_mean_would_be_too_good(run):
    ours = book(run, budget=wide(), text=text("repeats: 2"))
    first = ours.next_assignment().trial_id
    assert ours.may_be_stopped(first)
    ours.end(first, completed(0.8))
    assert not ours.may_be_stopped(ours.next_assignment().trial_id)


LOST = Outcome(failure={"kind": "WorkerLostError", "message": "gone"})


def test_all_attempts_of_a_trial_count_as_held(run):
    clock = Clock()
    ours = book(run, budget=Budget(trials=9, seconds=None, worker_hours=9.0, clock=clock))
    name = ours.next_assignment().trial_id
    ours.began(name)
    clock.now = 100.0
    assert ours.end(name, LOST) is None
    assert ours.next_assignment().trial_id == name
    ours.began(name)
    clock.now = 130.0
    assert ours.end(name, completed(0.5)).held_seconds == 130.0


def states(run):
    return [trial.state.name for trial in told(run).trials]


def test_what_was_to_start_again_is_recorded_where_no_budget_is_left(run):
    killed = book(run, budget=wide())
    trained, untrained = (killed.next_assignment().trial_id for _ in range(2))
    killed.note_epoch(trained, epoch(1, 0.4))
    killed.note_epoch(trained, epoch(2, 0.6))
    assert states(run) == ["RUNNING", "RUNNING"]
    after = book(run, budget=Budget(trials=9, seconds=0.001))
    after.resume([])
    assert after.exhausted
    after.close_waiting()
    first, second = after.records
    assert (first.status, first.stop_reason, first.val_accuracy) == ("pruned", "budget", 0.6)
    assert (second.trial_id, second.status) == (untrained, Status.PRUNED)
    assert (second.stop_reason, second.epochs) == ("budget", 0)
    assert first.held_seconds is second.held_seconds is None  # only the killed sitting knew
    assert states(run) == ["PRUNED", "PRUNED"]
    assert len((run.path / "trials.jsonl").read_text().splitlines()) == 2


def test_weights_that_a_killed_driver_left_are_not_taken_for_kept_ones(run):
    killed = book(run, budget=wide())
    name = killed.next_assignment().trial_id
    run.write(f"trials/{name}/weights.npz", b"of a record that never counted")
    after = book(run, budget=wide())
    after.resume([])
    assert after.next_assignment().trial_id == name
    assert not (run.path / "trials" / name / "weights.npz").exists()


def test_a_trial_whose_first_epoch_the_budget_did_not_wait_for_is_recorded(run):
    ours = book(run, budget=wide())
    name = ours.next_assignment().trial_id
    failure = {"kind": "OutOfTimeError", "message": "the budget ended in the first epoch"}
    record = ours.end(name, Outcome(failure=failure))
    assert (record.status, record.stop_reason, record.epochs) == (Status.PRUNED, "budget", 0)
    assert states(run) == ["PRUNED"]
