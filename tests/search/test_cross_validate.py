"""Cross-validation: every finalist on every fold, on all workers, inside the time, resumable."""

import json
import threading
import time
from contextlib import contextmanager

import pyarrow as pa
import pytest
from doubles import Clock
from ray.exceptions import RayActorError
from stage_doubles import record_of, stage_run

from neurosweep.errors import RunDirectoryError, TrialError, WorkerLostError
from search.stages.cross_validate import cross_validate

FOLDS = 3


def split() -> pa.Table:
    rows = [
        {"part": "train" if n % 4 else "validation", "label": "glioma", "fold": n % FOLDS}
        for n in range(12)
    ]
    rows += [{"part": "test", "label": "glioma", "fold": None}] * 4
    rows += [{"part": "dropped", "label": "glioma", "fold": None}]
    return pa.Table.from_pylist([{"file": f"{n}.png", "group": n, **r} for n, r in enumerate(rows)])


class Trainer:
    """Workers of a cluster with `places`; `train` says what a round comes to."""

    def __init__(self, train=None, places=99):
        self._train = train or (lambda _, fold, __: 0.5 + fold / 10)
        self._places = places
        self.rounds = []
        self.running = self.most_at_once = self.hired = 0
        self._lock = threading.Lock()

    def ready(self, seconds):
        return self.hired < self._places

    def run(self, task, payload, *, seconds=None):
        assert task == "retrain"
        name = "tuned" if payload["recipe"].fine_tune else "plain"
        with self._lock:
            self.rounds.append((name, payload["fold"]))
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
        try:
            accuracy = self._train(name, payload["fold"], seconds)
        finally:
            with self._lock:
                self.running -= 1
        return None if accuracy is None else {"accuracy": accuracy, "loss": 1.0, "seconds": 2.0}

    @contextmanager
    def hire(self, run):
        with self._lock:
            self.hired += 1
        yield self


def written(run) -> dict:
    return json.loads((run.directory.path / "cross_validation.json").read_text())


def notes(run) -> list[str]:
    return [text for kind, text in run.display.told if kind == "note"]


@pytest.fixture
def make_run(tmp_path):
    def make(**settings):
        run = stage_run(tmp_path / "run", split=split(), folds=FOLDS, **settings)
        record_of(run, "t0000", accuracy=0.9)
        record_of(run, "t0000-ft", accuracy=0.95, seconds=4.0, tuned=True)
        return run

    return make


def test_every_finalist_is_measured_on_every_fold(make_run):
    run, trainer = make_run(), Trainer()
    cross_validate(run, trainer, hire=trainer.hire)
    rounds = [("tuned", 0), ("tuned", 1), ("tuned", 2), ("plain", 0), ("plain", 1), ("plain", 2)]
    assert trainer.rounds == rounds
    assert trainer.hired == 0
    row = {"done": [0, 1, 2], "accuracies": [0.5, 0.6, 0.7], "losses": [1.0] * 3, "seconds": 6.0}
    assert written(run) == {
        "folds": 3,
        "images": 12,
        "finalists": [{"trial_id": "t0000-ft", **row}, {"trial_id": "t0000", **row}],
    }
    assert notes(run) == ["6 of 6 rounds measured"]


def test_without_folds_nothing_is_trained(tmp_path):
    run, trainer = stage_run(tmp_path / "run", split=split()), Trainer()
    record_of(run, "t0000")
    cross_validate(run, trainer, hire=trainer.hire)
    assert not trainer.rounds
    assert not (run.directory.path / "cross_validation.json").exists()


def test_as_many_rounds_run_at_once_as_there_are_workers(make_run):
    together = threading.Barrier(3, timeout=30)

    def train(name, fold, seconds):
        together.wait()  # breaks unless three rounds are under way
        return 0.5 + fold / 10

    run, trainer = make_run(workers=3), Trainer(train)
    cross_validate(run, trainer, hire=trainer.hire)
    assert (trainer.hired, trainer.most_at_once) == (2, 3)
    assert [row["accuracies"] for row in written(run)["finalists"]] == [[0.5, 0.6, 0.7]] * 2


def test_no_more_workers_are_asked_for_than_there_are_rounds(make_run):
    run, trainer = make_run(workers=50), Trainer()
    cross_validate(run, trainer, hire=trainer.hire)
    assert trainer.hired <= 5


def test_a_cluster_that_shrank_still_does_all_rounds(make_run):
    run, trainer = make_run(workers=3), Trainer(places=0)
    cross_validate(run, trainer, hire=trainer.hire)
    assert len(trainer.rounds) == 6


def test_a_kill_loses_only_the_rounds_under_way(make_run):
    run = make_run()

    def killed(name, fold, seconds):
        if (name, fold) == ("tuned", 2):
            raise KeyboardInterrupt
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        cross_validate(run, Trainer(killed))
    assert [row["done"] for row in written(run)["finalists"]] == [[0, 1], []]
    again = Trainer()
    cross_validate(run, again)
    assert again.rounds == [("tuned", 2), ("plain", 0), ("plain", 1), ("plain", 2)]
    tuned = written(run)["finalists"][0]
    assert tuned["accuracies"] == [0.5, 0.5, 0.7]
    assert tuned["seconds"] == pytest.approx(6.0)
    last = Trainer()
    cross_validate(run, last)
    assert not last.rounds


def test_the_file_is_whole_after_every_round(make_run):
    run = make_run()
    seen = []

    def train(name, fold, seconds):
        # The driver writes while this waits: a round is on disk before the next one ends.
        end = time.monotonic() + 30
        expected = len(seen)
        while time.monotonic() < end:
            done = sum(len(row["done"]) for row in written(run)["finalists"])
            if done == expected:
                break
        seen.append(done)
        return 0.5

    cross_validate(run, Trainer(train))
    assert seen == list(range(6))


def test_a_round_that_fails_leaves_its_place_out(make_run):
    def train(name, fold, seconds):
        if (name, fold) == ("plain", 1):
            raise TrialError("the stage's task failed: out of memory\nTraceback: here")
        return 0.5 + fold / 10

    run = make_run()
    cross_validate(run, Trainer(train))
    plain = written(run)["finalists"][1]
    assert (plain["done"], plain["accuracies"]) == ([0, 2], [0.5, 0.7])
    log = run.directory.path / "trials" / "t0000" / "fold-1.log"
    assert log.read_text() == "the stage's task failed: out of memory\nTraceback: here\n"
    assert notes(run) == [
        "t0000 without fold 1 failed: the stage's task failed: out of memory "
        "(trials/t0000/fold-1.log)",
        "5 of 6 rounds measured",
    ]


def test_a_lost_worker_takes_its_round_along_and_no_other(make_run):
    lost = threading.Event()

    def train(name, fold, seconds):
        if threading.current_thread() is not threading.main_thread() and not lost.is_set():
            lost.set()
            raise RayActorError
        assert lost.wait(30)
        return 0.5

    run, trainer = make_run(workers=2), Trainer(train)
    cross_validate(run, trainer, hire=trainer.hire)
    assert sum(len(row["done"]) for row in written(run)["finalists"]) == 5
    assert "failed: its worker was lost" in notes(run)[0]
    again = Trainer()
    cross_validate(run, again)
    assert len(again.rounds) == 1


@pytest.mark.timeout(30)
def test_a_cluster_that_lost_its_last_place_ends_the_stage(make_run, monkeypatch):
    monkeypatch.setattr("search.stages.retrainings.PLACE_LIMIT", 0.1)

    def train(name, fold, seconds):
        raise WorkerLostError("there was no place for another")

    run, trainer = make_run(workers=2), Trainer(train, places=0)
    cross_validate(run, trainer, hire=trainer.hire)
    assert trainer.rounds == [("tuned", 0)]
    assert notes(run)[1:] == [
        "5 trainings were not begun: no worker is left; --resume tries again",
        "0 of 6 rounds measured",
    ]


def test_what_does_not_fit_the_time_is_not_begun_and_what_is_late_does_not_count(make_run):
    clock = Clock()
    run = make_run(seconds=1000.0, clock=clock)
    given = []

    def train(name, fold, seconds):
        given.append(seconds)
        if len(given) == 2:
            clock.now += seconds
            return None  # what a worker says when it was told to stop
        clock.now += 5.0
        return 0.5

    clock.now = 950.0  # cross-validation ends at 960: 1000 less a third of the fixed reserve
    run.records[0] = record_of(run, "t0000", seconds=1.0)
    run.records[1] = record_of(run, "t0000-ft", seconds=1.0, accuracy=0.95, tuned=True)
    del run.records[2:]
    cross_validate(run, Trainer(train))
    assert given == [pytest.approx(10.0), pytest.approx(5.0)]
    assert [row["done"] for row in written(run)["finalists"]] == [[0], []]
    assert notes(run) == ["1 of 6 rounds measured; 5 did not fit the time budget"]


def test_a_round_is_expected_to_take_as_long_as_its_trial_on_more_images(make_run):
    clock = Clock()
    # Eight of twelve images train in a round, nine did in the search; the tuned one took 10 + 4 s.
    run = make_run(seconds=1000.0, clock=clock)
    clock.now = 960.0 - 14 * 8 / 9 + 0.01
    trainer = Trainer()
    cross_validate(run, trainer)
    assert trainer.rounds == [("plain", 0), ("plain", 1), ("plain", 2)]


def test_an_error_of_ours_is_not_swallowed_by_a_thread(make_run):
    def train(name, fold, seconds):
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        cross_validate(make_run(), Trainer(train))


@pytest.mark.parametrize("content", ["{", "{}", '{"finalists": [{"trial_id": "t0000"}]}'])
def test_a_damaged_file_is_named(make_run, content):
    run = make_run()
    (run.directory.path / "cross_validation.json").write_text(content)
    with pytest.raises(RunDirectoryError, match="cross_validation.json cannot be read .* Delete"):
        cross_validate(run, Trainer())
