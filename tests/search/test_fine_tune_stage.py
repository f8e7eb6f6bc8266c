"""Fine-tuning the winner: what was no fault of the trial is done again by a later sitting."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from child_tasks import result as fit_result
from doubles import Clock
from stage_doubles import record_of, stage_run

from neurosweep.errors import OutOfMemoryError, TrialError, WorkerLostError
from reports import Status
from reports.lanes import lanes_of
from search.stages import context
from search.stages.context import FINAL_STAGES
from search.stages.fine_tune import fine_tune, read_recipe
from search.studies import second_study
from search.workers import tasks
from trainables.alive import BreakOff


def split() -> pa.Table:
    row = {"part": "validation", "label": "glioma"}
    return pa.Table.from_pylist([{"file": f"{n}.png", **row} for n in range(4)])


class Worker:
    """Gives each task what it was made with, or raises it; the last one again and again."""

    def __init__(self, *endings):
        self._endings = list(endings)
        self.recipes = []

    def run(self, task, payload, *, seconds=None):
        assert task == "fine_tune"
        self.recipes.append(payload["recipe"])
        ending = self._endings.pop(0) if len(self._endings) > 1 else self._endings[0]
        if isinstance(ending, Exception):
            raise ending
        return ending


def tuned(accuracy=0.95):
    probabilities = np.eye(4, dtype=np.float32)[:1].repeat(4, axis=0)
    return replace(
        fit_result(2, accuracy),
        validation_probabilities=probabilities,
        before_val_accuracy=0.9,
        before_val_loss=0.5,
        cache="float16",
    )


@pytest.fixture
def run(tmp_path):
    made = stage_run(tmp_path / "run", split=split())
    record_of(made, "t0000", accuracy=0.9)
    return made


def notes(run):
    return [text for kind, text in run.display.told if kind == "note"]


def is_untouched(run):
    trials = {path.name for path in (run.directory.path / "trials").iterdir()}
    return trials == {"t0000"} and not (run.directory.path / "trials.jsonl").exists()


def tuned_records(run):
    return [record for record in run.records if record.parent_id == "t0000"]


class Slow(Worker):
    """A worker whose tasks take 36 seconds."""

    def __init__(self, clock, *answers):
        super().__init__(*answers)
        self.clock = clock

    def run(self, *task, **settings):
        self.clock.now += 36.0
        return super().run(*task, **settings)


def test_each_way_has_its_share_of_what_the_final_stages_hold(tmp_path):
    clock = Clock()
    run = stage_run(tmp_path / "run", split=split(), clock=clock)
    record_of(run, "t0000", accuracy=0.9)
    run.budget.workers_have(0.5)

    with run.budget.held.holding(FINAL_STAGES, "final"):
        run.budget.held.place(FINAL_STAGES, 0.01)
        fine_tune(run, Slow(clock, tuned(), TrialError("it broke"), tuned()))
        clock.now += 64.0
    records = tuned_records(run)
    assert [record.held_seconds for record in records] == [36.0] * 4
    assert [record.cost for record in records] == [0.36] * 4
    assert [record.gpu_hours for record in records] == [0.005] * 4
    assert run.budget.held.by_stage()["final"].cost == pytest.approx(4 * 0.36 + 0.64)


def test_both_attempts_of_a_way_that_ran_out_of_memory_are_paid_for(tmp_path):
    clock = Clock()
    run = stage_run(tmp_path / "run", split=split(), clock=clock)
    record_of(run, "t0000", accuracy=0.9)
    run.budget.workers_have(1.0)

    full = OutOfMemoryError("no room")
    with run.budget.held.holding(FINAL_STAGES, "final"):
        run.budget.held.place(FINAL_STAGES, 0.01)
        fine_tune(run, Slow(clock, full, tuned(), full, full, tuned()))
    records = tuned_records(run)
    assert [record.status for record in records[:3]] == ["completed", "failed", "completed"]
    assert [record.held_seconds for record in records] == [72.0, 72.0, 36.0, 36.0]
    assert [record.cost for record in records] == [0.72, 0.72, 0.36, 0.36]
    assert [record.accumulation for record in records] == [2, 2, None, None]


def test_what_fine_tuning_holds_is_counted_with_the_gpus_of_its_own_worker(tmp_path, monkeypatch):
    clock = Clock()
    run = stage_run(tmp_path / "run", split=split(), clock=clock)
    record_of(run, "t0000", accuracy=0.9)
    run.budget.workers_have(1.0)

    class Several(Worker):
        def __init__(self, runtime, resources, *_, placed, **__):
            assert resources["GPU"] == 4.0
            super().__init__(tuned())
            run.budget.place(FINAL_STAGES, lambda: None)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def run(self, *task, **settings):
            clock.now += 36.0
            return super().run(*task, **settings)

    monkeypatch.setattr(context, "StageWorkers", Several)
    with run.hired(FINAL_STAGES, "final", {"CPU": 1.0, "GPU": 4.0}) as several:
        fine_tune(run, several)
    assert [record.gpu_hours for record in tuned_records(run)] == [0.04] * 4
    assert run.budget.held.total.gpu_seconds == 4 * 4 * 36.0


def done_later(run):
    """Whether the next sitting fine-tunes, and the one after it does not."""
    fine_tune(run, Worker(tuned()))
    fine_tune(run, Worker(AssertionError("it was done")))
    return [(one.trial_id, one.status) for one in tuned_records(run)] == [
        (name, Status.COMPLETED) for name in ("t0000-ft", "t0000-ft2", "t0000-ft3", "t0000-ft4")
    ]


def test_a_lost_worker_leaves_it_to_a_later_sitting(run):
    fine_tune(run, Worker(WorkerLostError("there was no place for another\nTraceback: here")))
    assert notes(run) == [
        "fine-tuning left out: there was no place for another; t0000 stays the winner, and "
        "--resume tries again"
    ]
    assert is_untouched(run)
    assert done_later(run)


def test_a_time_that_ends_before_the_first_epoch_leaves_it_to_a_later_sitting(run):
    fine_tune(run, Worker(None))
    assert notes(run) == [
        "fine-tuning left out: the time was over before its first epoch; t0000 stays the winner, "
        "and --resume with more time tries again"
    ]
    assert is_untouched(run)
    assert done_later(run)


def test_a_failure_of_papers_way_is_recorded_and_no_other_way_is_tried(run):
    worker = Worker(TrialError("its loss became NaN\nTraceback: here"))
    fine_tune(run, worker)
    [record] = tuned_records(run)
    assert (record.trial_id, record.status) == ("t0000-ft", Status.FAILED)
    assert record.error == "its loss became NaN"
    log = run.directory.path / "trials" / "t0000-ft" / "log.txt"
    assert log.read_text() == "its loss became NaN\nTraceback: here\n"
    assert len(worker.recipes) == 1
    again = Worker(tuned())
    fine_tune(run, again)
    assert not again.recipes


def test_papers_way_comes_first_and_each_is_another_one(run):
    worker = Worker(tuned())
    fine_tune(run, worker)
    plans = [recipe.fine_tune for recipe in worker.recipes]
    first = plans[0]
    assert (first.depth, first.learning_rate, first.rate_decay) == (1.0, 1e-4, 1.0)
    assert (first.warm_up, first.weight_decay, first.cache) == (0.0, 0.0, "auto")
    assert len({repr(plan) for plan in plans}) == 4


def test_after_another_way_fails_a_different_one_is_tried(run):
    worker = Worker(tuned(), TrialError("its loss became NaN"), TrialError("again"), tuned())
    fine_tune(run, worker)
    statuses = [record.status for record in tuned_records(run)]
    assert statuses == [Status.COMPLETED, Status.FAILED, Status.FAILED, Status.COMPLETED]
    assert len({repr(recipe.fine_tune) for recipe in worker.recipes}) == 4


def test_where_no_other_way_is_left_it_is_said(run, monkeypatch):
    monkeypatch.setattr(second_study, "_MOST_DRAWS", 0)
    worker = Worker(tuned())
    fine_tune(run, worker)
    assert len(worker.recipes) == 1
    assert notes(run)[-1] == ("fine-tuning 2 of t0000 left out: there is no other way to try")


def test_a_second_sitting_goes_on_with_what_would_have_come(run, tmp_path):
    worker = Worker(tuned(), tuned(), WorkerLostError("gone"))
    fine_tune(run, worker)
    later = Worker(tuned())
    fine_tune(run, later)
    assert later.recipes[0] == worker.recipes[2]
    assert len(tuned_records(run)) == 4


def test_weights_are_kept_of_the_best_way_alone(run):
    fine_tune(run, Worker(tuned(0.92), tuned(0.95), tuned(0.91), tuned(0.94)))
    kept = {path.parent.name for path in run.directory.path.glob("trials/*-ft*/weights.npz")}
    assert kept == {"t0000-ft2"}
    assert len(list(run.directory.path.glob("trials/*-ft*/validation.npy"))) == 4


def test_a_replay_has_the_cache_that_was_used(run):
    fine_tune(run, Worker(tuned()))
    assert read_recipe(run.directory, "t0000-ft").fine_tune.cache == "float16"
    assert tuned_records(run)[0].fine_tune["cache"] == "float16"


@pytest.mark.parametrize("ending", [tuned(), TrialError("its loss became NaN")])
def test_it_is_in_the_name_of_no_worker_of_the_search(run, ending):
    run.records[:] = [replace(run.records[0], node="a", worker="a/1")]
    fine_tune(run, Worker(ending))
    for record in tuned_records(run):
        assert record.worker is None
        assert record.node == getattr(ending, "node", None)
    lanes = lanes_of(run.records)
    assert [lane.worker for lane in lanes][:2] == ["a/1", None]
    assert [record.trial_id for record in lanes[0].trials] == ["t0000"]


def test_a_worse_one_is_marked(run):
    fine_tune(run, Worker(tuned(0.8)))
    assert all(one.stop_reason.endswith("not kept") for one in tuned_records(run))


def test_the_task_has_no_result_where_its_first_epoch_was_broken_off(monkeypatch):
    def broken_off(*_):
        raise BreakOff

    monkeypatch.setattr(tasks, "trainables", SimpleNamespace(fine_tune=broken_off))
    monkeypatch.setattr(tasks, "_dataset", lambda *_: None)
    recipe = SimpleNamespace(family="mini_resnet")
    assert tasks.fine_tune(recipe=recipe, weights=[], source=None, report=None) is None
