"""A trial that runs out of a GPU's memory begins again in half batches, once, and says so."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from child_tasks import result as fit_result
from doubles import book, completed, epoch, plan
from doubles import study as open_study
from stage_doubles import record_of, stage_run

import search.workers.worker as worker_module
from neurosweep.errors import OutOfMemoryError
from reports import Status
from search.books.outcome import Outcome
from search.runs.run_directory import RunDirectory
from search.scheduling.tuning import BookCallback
from search.stages.fine_tune import fine_tune, read_recipe
from search.workers.child import _named
from search.workers.worker import ANEW, FINAL, PARTS, TrialWorker, WorkerSettings
from trainables import Recipe, Runtime

FAILURE = {
    "kind": "OutOfMemoryError",
    "message": "ResourceExhaustedError: OOM when allocating tensor\nhint: use less",
    "traceback": "Traceback: there",
}
FULL = ("failed", FAILURE)
WHY = "whole batches ran out of memory: ResourceExhaustedError: OOM when allocating tensor"


class Child:
    """Says what it was told to say; remembers what it was given."""

    def __init__(self, *_, **__):
        self.words, self.begun, self.processes = [], [], 1

    def begin(self, task, payload):
        self.begun.append(payload)

    def next_message(self, is_late=None):
        return self.words.pop(0)

    def answer(self, word):
        pass

    def drop(self):
        pass

    def close(self):
        self.processes += 1


@pytest.fixture
def assignment(tmp_path):
    of = plan()
    recipe = of.recipe(open_study(tmp_path / "journal", of=of).ask())
    return {"trial_id": "t0000", "recipe": recipe.to_dict()}


@pytest.fixture
def begin(monkeypatch, assignment):
    direct = SimpleNamespace(put=lambda thing: thing, get=lambda thing: thing)
    monkeypatch.setattr(worker_module, "ray", direct)
    monkeypatch.setattr(worker_module, "WarmChild", Child)
    monkeypatch.setattr(worker_module, "this_node", dict)

    def make(*words, **changes):
        recipe = {**assignment["recipe"], **changes}
        worker = TrialWorker.__new__(TrialWorker)
        worker.setup(
            {"assignment": {**assignment, "recipe": recipe}},
            WorkerSettings(source=None, runtime=Runtime(threads=1)),
        )
        worker._child.words = list(words)
        return worker, worker._child

    return make


def test_a_full_memory_begins_the_trial_anew_in_a_fresh_process_and_half_batches(begin):
    worker, child = begin(
        ("state", b"after one"),
        ("epoch", epoch(1, 0.5)),
        FULL,
        ("epoch", epoch(1, 0.4)),
        ("epoch", epoch(2, 0.6)),
    )
    first, again, second = worker.step(), worker.step(), worker.step()
    assert ANEW not in first
    assert (again[ANEW].splitlines()[0], again[PARTS]) == (WHY, 2)
    assert again["epoch"]["epoch"] == 1
    assert {ANEW, PARTS}.isdisjoint(second)
    assert [payload["recipe"].accumulation for payload in child.begun] == [1, 2]
    assert [payload["state"] for payload in child.begun] == [None, None]
    assert child.processes == 2


def test_a_memory_that_is_full_again_is_the_trials_failure(begin):
    worker, child = begin(FULL, FULL)
    last = worker.step()
    assert last[FINAL] == {"failure": FAILURE}
    assert (last["done"], last[PARTS]) == (True, 2)
    assert child.processes == 3  # the next trial has a fresh one as well


@pytest.mark.parametrize(
    "changes",
    [
        {"accumulation": 2},
        {"configuration": {"family": "mini_resnet", "training/batch_size": 1}},
        {"configuration": {"family": "transfer", "training/batch_size": 16}},
    ],
)
def test_what_has_no_halves_fails_at_once(begin, changes):
    worker, child = begin(FULL, **changes)
    last = worker.step()
    assert last[FINAL] == {"failure": FAILURE}
    assert PARTS not in last
    assert len(child.begun) == 1


def test_a_process_that_was_ended_for_the_machines_memory_is_not_tried_in_halves(begin):
    worker, child = begin()

    def ended(is_late=None):
        raise OutOfMemoryError("its process held 9 GiB")

    child.next_message = ended
    assert worker.step()[FINAL]["failure"]["message"] == "its process held 9 GiB"
    assert len(child.begun) == 1


def test_the_next_trial_of_the_worker_has_whole_batches(begin, assignment):
    worker, child = begin(FULL, FULL, ("epoch", epoch(1, 0.4)))
    worker.step()
    worker.reset_config({"assignment": assignment})
    assert PARTS not in worker.step()
    assert child.begun[-1]["recipe"].accumulation == 1


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def told(callback, name, **result):
    trial = SimpleNamespace(config={"assignment": {"trial_id": name}})
    callback.on_trial_result(trial=trial, result=result)
    if result.get("done"):
        callback.on_trial_complete(trial=trial)
    assert callback.broken is None


def recipe_of(run, name):
    written = json.loads((run.path / "trials" / name / "record.json").read_text())["recipe"]
    return Recipe.from_dict(written)


def test_the_record_and_its_recipe_say_that_batches_were_halved(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    callback = BookCallback(ours)
    told(callback, name, epoch=epoch(1, 0.9))
    told(callback, name, epoch=epoch(1, 0.4), anew=f"{WHY}\nhint", parts=2)
    assert [one["epoch"] for one in ours._running[name].epochs] == [1]
    record = ours.end(name, completed(0.8))
    assert (record.status, record.accumulation) == (Status.COMPLETED, 2)
    assert record.stop_detail == f"trained in 2 parts of each batch: {WHY}"
    assert recipe_of(run, name).accumulation == 2
    assert ("note", f"{name} starts anew: {WHY}") in ours._display.told
    after = ours.end(ours.next_assignment().trial_id, completed(0.7))
    assert (after.accumulation, after.stop_detail) == (None, None)


def test_a_trial_that_is_out_of_memory_twice_has_failed_of_it(run):
    ours = book(run)
    name = ours.next_assignment().trial_id
    final = {"failure": FAILURE}
    told(BookCallback(ours), name, done=True, anew=WHY, parts=2, **{FINAL: final})
    (record,) = ours.records
    assert (record.status, record.stop_reason) == (Status.FAILED, "OutOfMemoryError")
    assert (record.accumulation, record.epochs) == (2, 0)
    assert recipe_of(run, name).accumulation == 2


def test_one_that_has_no_halves_is_recorded_as_it_was(run):
    ours = book(run)
    record = ours.end(ours.next_assignment().trial_id, Outcome(failure=FAILURE))
    assert (record.stop_reason, record.accumulation) == ("OutOfMemoryError", None)


class OpError(Exception):
    """As TensorFlow's errors are called at their base."""


class InternalError(OpError):
    """What TensorFlow raises where a library beside it fails."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "OutOfMemoryError"),
        (InternalError("failed call: CUDA_ERROR_OUT_OF_MEMORY"), "OutOfMemoryError"),
        (InternalError("CUDNN_STATUS_ALLOC_FAILED in conv"), "OutOfMemoryError"),
        (InternalError("Dst tensor is not initialized."), "OutOfMemoryError"),
        (InternalError("blas failed"), "InternalError"),
        (ValueError("CUDA_ERROR_OUT_OF_MEMORY"), "ValueError"),
    ],
)
def test_a_full_gpu_has_one_name_whichever_library_ran_into_it(error, kind):
    assert _named(error)["kind"] == kind


class Stage:
    """Fine-tunes, or is out of memory for so many times."""

    def __init__(self, full):
        self.full, self.parts = full, []

    def run(self, task, payload, *, seconds=None):
        self.parts.append(payload["recipe"].fine_tune.accumulation)
        if len(self.parts) <= self.full:
            raise OutOfMemoryError("the stage's task `fine_tune` failed: OutOfMemoryError: full")
        done = fit_result(2, 0.95)
        same = np.eye(4, dtype=np.float32)[:1].repeat(4, axis=0)
        before = {"before_val_accuracy": 0.9, "before_val_loss": 0.5, "cache": "none"}
        return replace(done, validation_probabilities=same, **before)


@pytest.fixture
def stage(tmp_path):
    row = {"part": "validation", "label": "glioma"}
    split = pa.Table.from_pylist([{"file": f"{n}.png", **row} for n in range(4)])
    made = stage_run(tmp_path / "run", split=split)
    record_of(made, "t0000", accuracy=0.9)
    return made


def test_fine_tuning_is_tried_again_in_halves_and_says_so(stage):
    worker = Stage(full=1)
    fine_tune(stage, worker)
    assert worker.parts[:3] == [1, 2, 1]
    record = next(one for one in stage.records if one.trial_id == "t0000-ft")
    assert (record.status, record.accumulation) == (Status.COMPLETED, 2)
    assert record.fine_tune["accumulation"] == 2
    recipe = read_recipe(stage.directory, "t0000-ft")
    assert (recipe.accumulation, recipe.fine_tune.accumulation) == (1, 2)


def test_fine_tuning_that_is_out_of_memory_twice_has_failed_of_it(stage):
    worker = Stage(full=2)
    fine_tune(stage, worker)
    assert worker.parts == [1, 2]
    record = stage.records[-1]
    assert (record.status, record.stop_reason) == (Status.FAILED, "OutOfMemoryError")
    assert record.accumulation == 2
