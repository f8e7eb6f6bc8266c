"""A small search in simulated time keeps every promise that a real one makes."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import optuna
import pytest
from doubles import SpyDisplay, plan
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from reports import Status, TrialRecord
from search.books.rungs import Rungs, grace_of
from search.books.trial_book import TrialBook
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory
from search.simulation import Curves, SimulatedClock, SimulatedWorkers
from search.studies.study import Study

TEXT = """
data: {image_size: 32}
families: {mini_resnet: {}, plain_cnn: {}}
training: {epochs: 10}
final: {finalists: 3}
"""
TRIALS, WORKERS = 50, 8


class Simulated:
    """A simulated search in a folder of its own."""

    def __init__(self, folder, *, trials=TRIALS, seconds=None, workers=WORKERS, curves=None):
        self.clock = SimulatedClock()
        chosen = plan(TEXT)
        self.most_at_once = 0
        self.display = Watching(self)
        with RunDirectory.create(folder, {"name": "simulated"}) as run:
            self.study = Study(run.journal, chosen.space(), sampler="tpe", seed=3)
            self.book = TrialBook(
                run=run,
                study=self.study,
                plan=chosen,
                budget=Budget(trials=trials, seconds=seconds, clock=self.clock),
                display=self.display,
                facts={"data_fingerprint": "f" * 16, "synthetic": True, "runtime": {}},
            )
            SimulatedWorkers(
                self.book,
                Rungs(),
                curves=curves or Curves(seed=1, failing=0.3, lost=0.2),
                workers=workers,
                clock=self.clock,
            ).run()
        text = (folder / "trials.jsonl").read_text()
        self.records = [TrialRecord.from_json(line) for line in text.splitlines()]

    def started(self):
        """How often each trial was begun."""
        return Counter(name for what, name in self.display.told if what == "started")

    def told(self):
        """What happened, without the time of day."""
        day = {"started_at": "2000-01-01T00:00:00", "finished_at": "2000-01-01T00:00:00"}
        return [replace(record, **day) for record in self.records]


class Watching(SpyDisplay):
    """Notes how many trials run at once."""

    def __init__(self, simulated):
        super().__init__()
        self._simulated = simulated

    def started(self, trial_id, configuration, note):
        super().started(trial_id, configuration, note)
        simulated = self._simulated
        simulated.most_at_once = max(simulated.most_at_once, simulated.book.running)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return Simulated(tmp_path_factory.mktemp("simulated") / "run")


def test_the_asked_number_is_reached_and_no_trial_is_there_twice(simulated):
    names = [record.trial_id for record in simulated.records]
    assert sorted(names) == [f"t{n:04d}" for n in range(TRIALS)]
    assert simulated.book.running == 0


def test_all_workers_are_used_and_no_more(simulated):
    assert simulated.most_at_once == WORKERS


def test_trials_end_in_every_way_and_each_is_recorded_as_it_ended(simulated):
    reasons = Counter((r.status, r.stop_reason) for r in simulated.records)
    assert reasons[Status.COMPLETED, "finished"]
    assert reasons[Status.PRUNED, "scheduler"]
    assert reasons[Status.FAILED, "SimulatedError"]
    for record in simulated.records:
        if record.status == Status.PRUNED:
            assert grace_of(10) <= record.epochs < 10
            assert f"after epoch {record.epochs} is not among the best" in str(record.stop_detail)
        elif record.status == Status.COMPLETED:
            assert record.epochs == 10
            assert record.stop_detail is None


def test_workers_are_lost_and_their_trials_are_recorded_or_begun_again(simulated):
    lost = {r.trial_id for r in simulated.records if r.stop_reason == "WorkerLostError"}
    again = {name for name, times in simulated.started().items() if times > 1}
    assert lost or again


def test_the_journal_knows_how_each_trial_ended(simulated):
    storage = JournalStorage(JournalFileBackend(str(simulated.book._run.journal)))
    study = optuna.load_study(study_name="search", storage=storage)
    states = Counter(trial.state.name for trial in study.get_trials(deepcopy=False))
    records = Counter(str(r.status) for r in simulated.records)
    assert states == {
        "COMPLETE": records["completed"],
        "PRUNED": records["pruned"],
        "FAIL": records["failed"],
    }


def test_only_finalists_keep_their_weights(simulated):
    run = simulated.book._run.path
    kept = {path.parent.name for path in run.glob("trials/*/weights.npz")}
    assert 3 <= len(kept) <= 5
    best = max(
        (r for r in simulated.records if r.status == Status.COMPLETED),
        key=lambda r: r.val_accuracy,
    )
    assert best.trial_id in kept


def test_every_epoch_of_every_trial_is_on_disk(simulated):
    for record in simulated.records:
        lines = (simulated.book._run.path / "trials" / record.trial_id / "epochs.jsonl").read_text()
        assert [json.loads(line)["epoch"] for line in lines.splitlines()] == list(
            range(1, record.epochs + 1)
        )


def test_the_same_seed_gives_the_same_search(simulated, tmp_path):
    again = Simulated(tmp_path / "again")
    assert again.told() == simulated.told()
    assert again.clock.now == simulated.clock.now


def test_the_time_budget_is_kept(tmp_path):
    limited = Simulated(tmp_path / "run", trials=None, seconds=1000.0, workers=4)
    assert 1 <= len(limited.records) < TRIALS
    assert limited.book.exhausted
    # A running trial ends with the epoch it is in: half of an epoch late at most.
    longest = max(r.seconds / r.epochs for r in limited.records if r.epochs)
    assert limited.clock.now <= 1000.0 * 0.88 + longest
    ended = [r for r in limited.records if r.stop_reason == "budget"]
    cut = [r for r in ended if r.stop_detail is None]
    assert cut
    assert all(r.status == Status.COMPLETED and r.epochs < 10 for r in cut)
    # The others had lost their worker, and there was no time to begin again.
    others = [r for r in ended if r.stop_detail is not None]
    assert all(r.status == Status.PRUNED and "lost its worker" in r.stop_detail for r in others)


def test_curves_rise_from_chance_to_an_asymptote_that_moves_smoothly_with_a_number():
    curves = Curves(seed=1, failing=0.0, lost=0.0)
    rates = np.geomspace(1e-4, 1e-1, 50)
    ends = [curves.asymptote({"family": "plain_cnn", "training/learning_rate": r}) for r in rates]
    assert all(0.25 < end < 0.99 for end in ends)
    assert 0 < np.abs(np.diff(ends)).max() < 0.2
    assert max(ends) - min(ends) > 0.05


def test_a_curve_belongs_to_its_recipe_alone(tmp_path):
    chosen = plan(TEXT)
    study = Study(tmp_path / "j", chosen.space(), sampler="random", seed=0)
    recipes = [chosen.recipe(study.ask()) for _ in range(2)]
    curves = Curves(seed=1, failing=0.0, lost=0.0)
    assert curves.of(recipes[0]) == Curves(seed=1, failing=0.0, lost=0.0).of(recipes[0])
    assert curves.of(recipes[0]) != curves.of(recipes[1])
    first = curves.of(recipes[0]).epochs
    assert [epoch["epoch"] for epoch in first] == list(range(1, 11))
