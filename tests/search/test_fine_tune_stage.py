"""Fine-tuning the winner: what was no fault of the trial is done again by a later sitting."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from child_tasks import result as fit_result
from stage_doubles import record_of, stage_run

from neurosweep.errors import TrialError, WorkerLostError
from reports import Status
from search.stages.fine_tune import fine_tune
from search.workers import tasks
from trainables.alive import BreakOff


def split() -> pa.Table:
    return pa.Table.from_pylist([{"part": "validation", "label": "glioma"}] * 4)


class Worker:
    """Gives each task what it was made with, or raises it."""

    def __init__(self, ending):
        self._ending = ending
        self.tasks = []

    def run(self, task, payload, *, seconds=None):
        self.tasks.append(task)
        if isinstance(self._ending, Exception):
            raise self._ending
        return self._ending


def tuned(accuracy=0.95):
    probabilities = np.eye(4, dtype=np.float32)[:1].repeat(4, axis=0)
    return replace(
        fit_result(2, accuracy),
        validation_probabilities=probabilities,
        before_val_accuracy=0.9,
        before_val_loss=0.5,
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


def done_later(run):
    """Whether the next sitting fine-tunes, and the one after it does not."""
    record = fine_tune(run, Worker(tuned()))
    run.records.append(record)
    assert fine_tune(run, Worker(AssertionError("it was done"))) is None
    return (record.trial_id, record.status) == ("t0000-ft", Status.COMPLETED)


def test_a_lost_worker_leaves_it_to_a_later_sitting(run):
    lost = WorkerLostError("there was no place for another\nTraceback: here")
    assert fine_tune(run, Worker(lost)) is None
    assert notes(run) == [
        "fine-tuning left out: there was no place for another; t0000 stays the winner, and "
        "--resume tries again"
    ]
    assert is_untouched(run)
    assert done_later(run)


def test_a_time_that_ends_before_the_first_epoch_leaves_it_to_a_later_sitting(run):
    assert fine_tune(run, Worker(None)) is None
    assert notes(run) == [
        "fine-tuning left out: the time was over before its first epoch; t0000 stays the winner, "
        "and --resume with more time tries again"
    ]
    assert is_untouched(run)
    assert done_later(run)


def test_a_failure_of_its_own_is_recorded_and_not_tried_again(run):
    record = fine_tune(run, Worker(TrialError("its loss became NaN\nTraceback: here")))
    assert (record.trial_id, record.status) == ("t0000-ft", Status.FAILED)
    assert record.error == "its loss became NaN"
    log = run.directory.path / "trials" / "t0000-ft" / "log.txt"
    assert log.read_text() == "its loss became NaN\nTraceback: here\n"
    run.records.append(record)
    again = Worker(tuned())
    assert fine_tune(run, again) is None
    assert not again.tasks


def test_the_task_has_no_result_where_its_first_epoch_was_broken_off(monkeypatch):
    def broken_off(*_):
        raise BreakOff

    monkeypatch.setattr(tasks, "trainables", SimpleNamespace(fine_tune=broken_off))
    monkeypatch.setattr(tasks, "_dataset", lambda *_: None)
    assert tasks.fine_tune(recipe=None, weights=[], source=None, report=None) is None
