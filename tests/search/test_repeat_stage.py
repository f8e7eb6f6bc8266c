"""Further seeds of finalists: on all workers, inside the time, resumable, choosing nothing."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pytest
from doubles import Clock
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import RayActorError
from stage_doubles import record_of, stage_run

from neurosweep.errors import RunDirectoryError, TrialError, WorkerLostError
from reports import build_leaderboard, read_run
from search.experiment_file import resume_experiment
from search.stages.fine_tune import read_recipe, winner_of
from search.stages.repeat import further_seeds, repeat

SPLIT = pa.table({"file": ["0.png"], "label": ["glioma"], "part": ["train"]})
FIRST, SECOND = further_seeds(0, 2)
"""Of the plain finalist and of the tuned one: both have the seed 0."""


class Trainer:
    """Workers; `train` says what a training comes to, by finalist and seed.

    The first has a place, and `has_place` says whether those that are hired have one.
    """

    def __init__(self, train=None, has_place=lambda: True):
        self._train = train or (lambda _, seed, __: {FIRST: 0.8, SECOND: 0.7}[seed])
        self._has_place = has_place
        self.trained, self.payloads, self.hired = [], [], 0
        self._lock = threading.Lock()

    def ready(self, seconds):
        return self._has_place() or threading.Event().wait(min(seconds, 0.01))

    def run(self, task, payload, *, seconds=None):
        assert (task, payload["fold"]) == ("retrain", None)
        name = "tuned" if payload["recipe"].fine_tune else "plain"
        with self._lock:
            self.trained.append((name, payload["recipe"].seed))
            self.payloads.append(payload)
        accuracy = self._train(name, payload["recipe"].seed, seconds)
        return None if accuracy is None else {"accuracy": accuracy, "loss": 1.0, "seconds": 2.0}

    @contextmanager
    def hire(self, run):
        with self._lock:
            self.hired += 1
        yield self


def written(run) -> dict:
    return json.loads((run.directory.path / "repeats.json").read_text())


def seeds(run) -> dict:
    return {one["trial_id"]: one["seeds"] for one in written(run)["finalists"]}


def asked_for(run, repeats):
    """The run as a later sitting has it that asks for another number of seeds."""
    experiment = resume_experiment(run.plan.experiment, [f"final.repeats={repeats}"])
    return replace(run, plan=replace(run.plan, experiment=experiment))


def notes(run) -> list[str]:
    return [text for kind, text in run.display.told if kind == "note"]


@pytest.fixture
def make_run(tmp_path):
    def make(repeats=3, **settings):
        run = stage_run(tmp_path / "run", split=SPLIT, repeats=repeats, **settings)
        for record in (
            record_of(run, "t0000", accuracy=0.9),
            record_of(run, "t0000-ft", accuracy=0.95, seconds=4.0, tuned=True),
        ):
            run.directory.append("trials.jsonl", record.to_json())
        recipe = read_recipe(run.directory, "t0000").to_dict()
        for name, tuned in (("t0000", None), ("t0000-ft", {"epochs": 2, "patience": 2})):
            path = f"trials/{name}/record.json"
            run.directory.write_json(path, {"recipe": {**recipe, "seed": 0, "fine_tune": tuned}})
        return run

    return make


def test_every_finalist_is_trained_with_further_seeds_as_its_recipe_says(make_run):
    run, trainer = make_run(), Trainer()
    repeat(run, trainer, hire=trainer.hire)
    assert trainer.trained == [
        ("tuned", FIRST),
        ("tuned", SECOND),
        ("plain", FIRST),
        ("plain", SECOND),
    ]
    recorded = read_recipe(run.directory, "t0000")
    for payload in trainer.payloads[2:]:
        assert payload["source"] is run.source
        assert {**payload["recipe"].to_dict(), "seed": 0} == recorded.to_dict()
    row = {
        "seeds": [FIRST, SECOND],
        "accuracies": [0.8, 0.7],
        "losses": [1.0, 1.0],
        "seconds": [2.0, 2.0],
    }
    assert written(run) == {
        "repeats": 3,
        "finalists": [{"trial_id": "t0000-ft", **row}, {"trial_id": "t0000", **row}],
    }
    assert notes(run) == ["4 of 4 trainings with further seeds measured"]


def test_no_row_no_rank_and_no_winner_comes_of_it(make_run):
    run = make_run()
    before = [(row.trial_id, row.rank) for row in build_leaderboard(read_run(run.directory.path))]
    records = list(run.records)
    repeat(run, Trainer(lambda *_: 1.0))
    assert run.records == records
    assert winner_of(run.records, run.ranking).trial_id == "t0000-ft"
    rows = build_leaderboard(read_run(run.directory.path))
    assert [(row.trial_id, row.rank) for row in rows] == before
    assert {row.trial_id: (row.val_accuracy, row.repeats) for row in rows} == {
        "t0000-ft": (0.95, 3),
        "t0000": (0.9, 3),
    }


def test_unless_it_is_asked_for_nothing_is_trained(make_run):
    run, trainer = make_run(repeats=1), Trainer()
    repeat(run, trainer, hire=trainer.hire)
    assert not trainer.trained
    assert not (run.directory.path / "repeats.json").exists()


def test_as_many_trainings_run_at_once_as_there_are_workers(make_run):
    together = threading.Barrier(2, timeout=30)

    def train(name, seed, seconds):
        together.wait()  # breaks unless two are under way
        return 0.5

    run, trainer = make_run(workers=2), Trainer(train)
    repeat(run, trainer, hire=trainer.hire)
    assert trainer.hired == 1
    assert sorted(map(len, seeds(run).values())) == [2, 2]


def test_a_kill_loses_only_the_trainings_under_way(make_run):
    run = make_run()

    def killed(name, seed, seconds):
        if (name, seed) == ("tuned", SECOND):
            raise KeyboardInterrupt
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        repeat(run, Trainer(killed))
    assert seeds(run) == {"t0000-ft": [FIRST]}
    again = Trainer()
    repeat(run, again)
    assert again.trained == [("tuned", SECOND), ("plain", FIRST), ("plain", SECOND)]
    assert written(run)["finalists"][0]["accuracies"] == [0.5, 0.7]
    last = Trainer()
    repeat(run, last)
    assert not last.trained


def test_what_is_no_finalist_any_more_keeps_its_seeds(make_run):
    run = make_run()
    repeat(run, Trainer())
    run.directory.remove("trials/t0000/weights.npz")
    record_of(run, "t0001", accuracy=0.99)
    repeat(run, Trainer(lambda *_: 0.6))
    assert seeds(run).keys() == {"t0000-ft", "t0000", "t0001"}
    assert notes(run)[-1] == "2 of 2 trainings with further seeds measured"


def test_a_later_sitting_may_ask_for_more_seeds_or_for_fewer(make_run):
    run = make_run(repeats=2)
    repeat(run, Trainer(lambda *_: 0.5))
    more = asked_for(run, 4)
    trainer = Trainer(lambda name, *_: None if name == "tuned" else 0.5)
    repeat(more, trainer)
    assert {name: len(of) for name, of in seeds(run).items()} == {"t0000-ft": 1, "t0000": 3}
    assert written(run)["repeats"] == 4
    fewer, trainer = asked_for(run, 3), Trainer()
    repeat(fewer, trainer)
    assert trainer.trained == [("tuned", SECOND)]
    assert {name: len(of) for name, of in seeds(run).items()} == {"t0000-ft": 2, "t0000": 3}
    assert written(run)["repeats"] == 3
    assert notes(run)[-1] == "4 of 4 trainings with further seeds measured"


def test_what_is_asked_for_now_stands_in_the_file_though_nothing_is_trained(make_run):
    run, trainer = make_run(repeats=3), Trainer()
    repeat(run, trainer)
    repeat(asked_for(run, 2), trainer)
    assert len(trainer.trained) == 4
    assert written(run)["repeats"] == 2
    assert {len(of) for of in seeds(run).values()} == {2}


def test_a_training_that_fails_leaves_its_place_out_and_is_tried_again_by_a_later_sitting(make_run):
    def train(name, seed, seconds):
        if (name, seed) == ("plain", FIRST):
            raise TrialError("the stage's task failed: out of memory\nTraceback: here")
        return 0.5

    run = make_run()
    repeat(run, Trainer(train))
    assert seeds(run) == {"t0000-ft": [FIRST, SECOND], "t0000": [SECOND]}
    log = f"trials/t0000/seed-{FIRST}.log"
    text = (run.directory.path / log).read_text()
    assert text == "the stage's task failed: out of memory\nTraceback: here\n"
    assert notes(run) == [
        f"t0000 with seed {FIRST} failed: the stage's task failed: out of memory ({log})",
        "3 of 4 trainings with further seeds measured",
    ]
    again = Trainer()
    repeat(run, again)
    assert again.trained == [("plain", FIRST)]


def test_a_lost_worker_takes_its_training_along_and_no_other(make_run):
    lost = threading.Event()

    def train(name, seed, seconds):
        if not lost.is_set():
            lost.set()
            raise RayActorError
        return 0.5

    run, trainer = make_run(workers=2), Trainer(train)
    repeat(run, trainer, hire=trainer.hire)
    assert sum(map(len, seeds(run).values())) == 3
    assert any("failed: its worker was lost" in note for note in notes(run))


def lose(*_):
    raise WorkerLostError("there was no place for another")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("workers", [1, 3])
def test_where_no_worker_is_left_the_stage_ends_and_says_what_was_not_begun(
    make_run, monkeypatch, workers
):
    monkeypatch.setattr("search.stages.retrainings.PLACE_LIMIT", 0.1)
    run, trainer = make_run(workers=workers), Trainer(lose, has_place=lambda: False)
    repeat(run, trainer, hire=trainer.hire)
    assert (trainer.trained, trainer.hired) == ([("tuned", FIRST)], workers - 1)
    assert notes(run) == [
        f"t0000-ft with seed {FIRST} failed: its worker was lost: there was no place for another "
        f"(trials/t0000-ft/seed-{FIRST}.log)",
        "3 trainings were not begun: no worker is left; --resume tries again",
        "0 of 4 trainings with further seeds measured",
    ]


@pytest.mark.timeout(30)
def test_a_worker_that_gets_a_place_after_the_first_was_lost_goes_on(make_run, monkeypatch):
    monkeypatch.setattr("search.stages.retrainings.PLACE_LIMIT", 20.0)
    first_is_lost = threading.Event()

    def train(name, seed, seconds):
        if not first_is_lost.is_set():
            first_is_lost.set()
            lose()
        return 0.5

    run, trainer = make_run(workers=2), Trainer(train, has_place=first_is_lost.is_set)
    repeat(run, trainer, hire=trainer.hire)
    assert sum(map(len, seeds(run).values())) == 3
    assert not any("not begun" in note for note in notes(run))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("workers", [1, 2])
def test_where_no_worker_is_left_the_end_of_the_time_ends_the_stage(make_run, workers):
    clock = Clock()
    run = make_run(workers=workers, seconds=1000.0, clock=clock)

    def train(name, seed, seconds):
        clock.now = 1000.0
        lose()

    trainer = Trainer(train, has_place=lambda: False)
    repeat(run, trainer, hire=trainer.hire)
    assert len(notes(run)) == 2
    assert notes(run)[1] == (
        "0 of 4 trainings with further seeds measured; 3 did not fit the time budget"
    )


@pytest.mark.timeout(30)
def test_workers_that_get_no_place_are_told_of(make_run, monkeypatch):
    monkeypatch.setattr("search.stages.drivers.LOOK_EVERY", 0.02)
    missing, told = [], threading.Event()

    class Told:
        def __init__(self, note):
            pass

        def look(self, number):
            missing.append(number)
            if number == 2:
                told.set()

    monkeypatch.setattr("search.stages.retrainings.Patience", Told)
    trainer = Trainer(lambda *_: told.wait(20) and 0.5, has_place=lambda: False)
    repeat(make_run(workers=3), trainer, hire=trainer.hire)
    assert len(trainer.trained) == 4
    assert set(missing) <= {0, 1, 2}
    assert 2 in missing


def test_what_does_not_fit_the_time_is_not_begun_and_folds_keep_theirs(make_run):
    clock = Clock()
    # 36 % are for what follows: 12 % the final stages, 10 % two further seeds, 15 % three folds.
    run = make_run(seconds=1000.0, folds=3, clock=clock)
    clock.now = 1000.0 - 40.0 - 150.0 - 14.5  # the tuned one took 10 + 4 seconds, the plain one 10
    given = []

    def train(name, seed, seconds):
        given.append(seconds)
        clock.now += 4.0
        return 0.5

    repeat(run, Trainer(train))
    assert given == [pytest.approx(14.5), pytest.approx(10.5)]
    assert seeds(run) == {"t0000-ft": [FIRST], "t0000": [FIRST]}
    assert notes(run) == [
        "2 of 4 trainings with further seeds measured; 2 did not fit the time budget"
    ]


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"repeats": 2, "finalists": [{"trial_id": "t", "seeds": [4]}]}']
)
def test_a_damaged_file_is_named(make_run, content):
    run = make_run()
    (run.directory.path / "repeats.json").write_text(content)
    with pytest.raises(RunDirectoryError, match=r"repeats\.json.* delete it"):
        repeat(run, Trainer())


@given(seed=st.integers(0, 2**31 - 1), count=st.integers(0, 99))
def test_further_seeds_are_fixed_by_the_first_and_all_unlike(seed, count):
    found = further_seeds(seed, count)
    assert len({seed, *found}) == count + 1
    assert all(0 <= one < 2**31 for one in found)
    assert further_seeds(seed, 99)[:count] == found
