"""Tune takes an exception of a callback for the trial's own: ours must come out all the same."""

import os
import platform
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from ray import tune

import search.scheduling.tuning as tuning
from neurosweep.errors import NeurosweepError, WorkerLostError
from search.books.rungs import Rungs
from search.budgets.prices import PricedNode
from search.runs.stopping import StopRequest
from search.scheduling.tuning import BookCallback, BookSearcher, run_trials
from search.workers.places import nodes
from search.workers.worker import FINAL, PROGRESS, SCORE


class Trainable(tune.Trainable):
    """Three epochs in no time, then a result."""

    def setup(self, config, settings=None):
        self._epoch = 0

    def reset_config(self, new_config):
        self._epoch = 0
        return True

    def step(self):
        self._epoch += 1
        if self._epoch <= 3:
            epoch = {"epoch": self._epoch}
            return {SCORE: 0.5, PROGRESS: self._epoch, "epoch": epoch}
        return {"done": True, FINAL: {"failure": {"kind": "K", "message": "m"}}}


class Book:
    """Hands out four trials; breaks where it is told to."""

    def __init__(self, breaks_in=""):
        self.breaks_in = breaks_in
        self.given, self.ended, self.epochs, self.stops = 0, [], 0, {}
        self.begun: list[str] = []
        self.nodes: list[PricedNode | None] = []

    @property
    def running(self):
        return self.given - len(self.ended)

    only_waits = False

    @property
    def running_trials(self):
        ended = {name for name, _ in self.ended}
        names = [f"t{number + 1:04d}" for number in range(self.given)]
        return [name for name in names if name not in ended]

    @property
    def exhausted(self):
        return self.given >= 4

    def next_assignment(self):
        self._break("next_assignment")
        self.given += 1
        name = f"t{self.given:04d}"
        assignment = {"trial_id": name, "recipe": {"epochs": 5}}
        return SimpleNamespace(to_dict=lambda: assignment)

    def began(self, name, find):
        self.begun.append(name)
        self.nodes.append(find())

    def may_be_stopped(self, name):
        return True

    def stop(self, who):
        self.stopped_by = who

    def note_epoch(self, name, epoch, where=None):
        self.where = where
        self._break("note_epoch")
        self.epochs += 1

    def note_stop(self, name, reason):
        self.stops[name] = reason

    def end(self, name, outcome):
        self._break("end")
        self.ended.append((name, outcome is not None))

    def _break(self, where):
        if where == self.breaks_in:
            raise NeurosweepError("the disk is full")


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patched:
        yield patched


@pytest.fixture(scope="module")
def local_ray(monkeypatch_module):
    # Workers must be able to import this file for its trainable.
    paths = {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    }
    monkeypatch_module.setenv("RAY_NODE_TYPE_NAME", "cpu_worker")  # as the autoscaler does
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        address="local",
        runtime_env={"env_vars": paths},
    )
    yield
    ray.shutdown()


def run(book, monkeypatch, rungs=None):
    monkeypatch.setattr(tuning, "TrialWorker", Trainable)
    resources = {"CPU": 1.0, "GPU": 0.0}
    request = StopRequest(Path("/nowhere"))
    settings = SimpleNamespace(countdown=None)
    run_trials(
        book, settings, workers=2, resources=resources, rungs=rungs or Rungs(), request=request
    )


def test_all_trials_run_and_end(local_ray, monkeypatch):
    book = Book()
    run(book, monkeypatch)
    assert sorted(name for name, _ in book.ended) == ["t0001", "t0002", "t0003", "t0004"]
    assert book.epochs == 12
    node, _, process = book.where.partition("/")
    assert node == platform.node()
    assert int(process) != os.getpid()
    assert book.nodes == [PricedNode(type="cpu_worker", cpus=2.0, gpus=0.0)] * 4
    assert book.nodes[:1] == nodes()


def test_a_trial_among_the_worst_is_stopped_at_its_first_rung_and_the_book_knows_why(
    local_ray, monkeypatch
):
    rungs = Rungs()
    for number in range(20):
        rungs.resume(f"earlier{number}", 5, [(1, 0.9)])
    book = Book()
    run(book, monkeypatch, rungs)
    assert sorted(book.ended) == [(f"t000{n}", False) for n in (1, 2, 3, 4)]
    assert book.epochs == 4
    assert {reason.partition(" is not")[0] for reason in book.stops.values()} == {
        "0.5 after epoch 1"
    }


@pytest.mark.parametrize("where", ["next_assignment", "note_epoch", "end"])
def test_what_the_books_raise_comes_out_as_it_was_and_ends_the_search(
    local_ray, monkeypatch, where
):
    book = Book(breaks_in=where)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        run(book, monkeypatch)
    assert not book.ended


def test_what_tune_gives_up_is_handed_out_to_another_tune(monkeypatch):
    book, given_up = Book(), []

    def tune(callback, searcher, worker, scheduler, watch):
        while book.given < 2:
            searcher.suggest("any")
        if not given_up:
            given_up.extend(book.running_trials)
            raise RuntimeError("Caught unexpected exception: the object is lost")
        assert callback.broken is None

    monkeypatch.setattr(tuning, "_run_tune", tune)
    run(book, monkeypatch)
    assert given_up == ["t0001", "t0002"]
    assert [name for name, _ in book.ended] == given_up


def test_tune_that_fails_with_nothing_running_is_an_error(monkeypatch):
    def tune(*_):
        raise RuntimeError("there is no Ray")

    monkeypatch.setattr(tuning, "_run_tune", tune)
    with pytest.raises(RuntimeError, match="there is no Ray"):
        run(Book(), monkeypatch)


def test_the_searcher_waits_while_all_workers_are_busy():
    book = Book()
    searcher = BookSearcher(book, 1, BookCallback(book))
    assert searcher.suggest("a") == {"assignment": {"trial_id": "t0001", "recipe": {"epochs": 5}}}
    assert searcher.suggest("b") is None
    book.given = 4
    assert searcher.suggest("c") is None  # one that runs may lose its worker and come again
    book.ended = ["a", "b", "c", "d"]
    assert searcher.suggest("d") == "FINISHED"


def trial_named(name):
    return SimpleNamespace(
        config={"assignment": {"trial_id": name}},
        error_file=None,
        temporary_state=SimpleNamespace(ray_actor=None),
    )


def test_who_looks_on_is_told_how_many_trials_wait_for_a_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_LOOK_EVERY", 0.0)
    monkeypatch.setattr(tuning, "node_of", lambda _: None)  # these trials have no actors
    book, told = Book(), []
    callback = BookCallback(book)
    watch = tuning._Watch(callback, book, StopRequest(tmp_path), told.append)
    watch.stop_all()
    book.given = 3
    watch.stop_all()
    callback.on_trial_start(trial=trial_named("t0001"))
    callback.on_trial_start(trial=trial_named("t0002"))
    watch.stop_all()
    callback.on_trial_complete(trial=trial_named("t0001"))
    watch.stop_all()
    callback.on_trial_start(trial=trial_named("t0003"))
    watch.stop_all()
    assert told == [0, 3, 1, 1, 0]


def given_up(tmp_path, error):
    """A trial as Tune leaves it when its actor raised this."""
    (tmp_path / "error.txt").write_text(f"Traceback: far away\n{type(error.cause).__name__}: said")
    (tmp_path / "error.pkl").write_bytes(ray.cloudpickle.dumps(error))
    return SimpleNamespace(
        error_file=str(tmp_path / "error.txt"), pickled_error_file=str(tmp_path / "error.pkl")
    )


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (ray.exceptions.ObjectLostError("0" * 56, None, ""), "WorkerLostError"),
        (ray.exceptions.ObjectStoreFullError("no room"), "WorkerLostError"),
        (ValueError("said"), "ValueError"),
    ],
)
def test_what_ray_raised_in_a_worker_is_no_fault_of_the_trial(tmp_path, cause, kind):
    error = ray.exceptions.RayTaskError("step", "Traceback: far away", cause)
    assert tuning._failure_of(given_up(tmp_path, error))["kind"] == kind


def test_weights_that_do_not_come_are_those_of_a_lost_worker(local_ray, monkeypatch):
    @ray.remote(num_cpus=0)
    def never():
        time.sleep(60)

    monkeypatch.setattr(tuning, "_FETCH_LIMIT", 0.5)
    waits = never.remote()
    with pytest.raises(WorkerLostError, match="the worker was lost before its weights came"):
        tuning._fetch(waits)
    ray.cancel(waits, force=True)
