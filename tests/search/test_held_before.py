"""What workers were held for counts over all sittings of a run, however each of them ended."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from doubles import CLASSES, EXPERIMENT, Clock, book, completed, epoch

import reports
from neurosweep.errors import NeurosweepError
from reports import Stage
from search import conduct as conducting
from search.books.held_before import held_before
from search.budgets.budget import Budget
from search.conduct import Request, conduct
from search.experiment_file import parse_experiment
from search.runs.run_directory import RunDirectory


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


@pytest.fixture
def killed(run, clock):
    """A sitting that held a worker for a trial of 3000 s when it was killed."""
    ours = book(run, budget=Budget(trials=9, seconds=None, worker_hours=1.0, clock=clock))
    name = ours.next_assignment().trial_id
    ours.began(name)
    clock.now = 3000.0
    ours.end(name, completed(0.5))
    return ours


def seconds_before(run):
    return sum(spent.seconds for spent in held_before(run).values())


def test_a_new_run_has_held_nothing(run):
    assert held_before(run) == {}


def test_of_a_killed_sitting_the_trials_tell(run, killed):
    assert seconds_before(run) == 3000.0


def test_a_trial_that_a_killed_sitting_left_running_tells_too(run, killed):
    name = killed.next_assignment().trial_id
    for number in (1, 2):
        killed.note_epoch(name, {**epoch(number, 0.5), "seconds": 7.0})
    killed.next_assignment()  # has no epoch yet
    assert seconds_before(run) == 3014.0


def test_a_fine_tuning_that_a_killed_sitting_did_tells_too(run, killed):
    (record,) = killed.records
    tuned = replace(record, trial_id="t0000-ft", stage=Stage.FINE_TUNE, held_seconds=None)
    run.count(replace(tuned, seconds=40.0))
    assert seconds_before(run) == 3040.0


def test_a_sitting_that_ended_in_order_says_what_it_held(run, killed):
    run.update(held_seconds=5000.0)
    assert seconds_before(run) == 5000.0


def test_the_books_take_no_hours_over_a_second_time(run, killed):
    budget = Budget(trials=9, seconds=None, worker_hours=1.0, clock=Clock())
    for stage, spent in held_before(run).items():
        budget.held.take_over(stage, spent)
    book(run, budget=budget).resume(list(reports.read_run(run.path).records))
    assert budget.held.seconds == 3000.0


@contextmanager
def no_cluster(*_, **__):
    raise NeurosweepError("no Ray cluster answers")
    yield


def interrupted(*_, **__):
    raise KeyboardInterrupt


def prepared(*_, **__):
    return SimpleNamespace(classes=CLASSES), []


@pytest.mark.parametrize(
    ("stages", "error", "state"),
    [
        ({"prepare": interrupted}, KeyboardInterrupt, "interrupted"),
        ({"prepare": prepared, "connected": no_cluster}, NeurosweepError, "failed"),
    ],
    ids=["in prepare", "connecting"],
)
def test_a_sitting_that_ends_before_its_search_forgets_no_hours(
    run, monkeypatch, stages, error, state
):
    run.update(held_seconds=5000.0)
    run.__exit__()
    for name, stage in stages.items():
        monkeypatch.setattr(conducting, name, stage)
    experiment = parse_experiment(EXPERIMENT, source="test")
    request = Request(experiment=experiment, output=run.path, resume=True, quiet=True)
    with pytest.raises(error):
        conduct(request)
    info = yaml.safe_load((run.path / "run.yaml").read_text())
    assert (info["state"], info["held_seconds"]) == (state, 5000.0)
