"""Real kills of children and workers on a real Ray, in mid-trial and in mid-stage."""

import math
import os
import signal

import pytest
import ray
from kills import CPU, LOCAL, Meanwhile, Trials, attempts, gone, wait_until
from ray._private.state import actors

from neurosweep.errors import CodeMismatchError, RepeatedFailureError, TrialError, WorkerLostError
from reports import Status
from search.runs.stopping import StopRequest
from search.stages.context import StageWorkers
from search.workers import control
from search.workers.control import countdown
from search.workers.limits import Limits
from search.workers.places import node_of, nodes
from search.workers.worker import WorkerSettings
from trainables import Runtime

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module", autouse=True)
def local_ray():
    ray.init(**LOCAL)
    yield
    ray.shutdown()


@pytest.mark.parametrize("what", ["child", "worker"])
def test_a_trial_whose_process_is_killed_starts_again_under_its_own_name(tmp_path, what):
    trials = Trials(tmp_path, 4)
    seen = {}

    def kill():
        wait_until(lambda: trials.begun(0) and trials.begun(1))
        wait_until(lambda: trials.epochs("t0000") == [1])
        child, worker = trials.begun(0)[0]
        os.kill(child if what == "child" else worker, signal.SIGKILL)
        wait_until(lambda: gone(child))
        # The other one goes on meanwhile, and so do those after it.
        trials.let_go(1)
        wait_until(lambda: "t0001" in trials.names())
        wait_until(lambda: len(trials.begun(0)) == 2)
        seen["recorded"] = trials.names()

    with Meanwhile(kill, at_last=trials.let_all_go):
        trials.search(workers=2)
    assert "t0000" not in seen["recorded"]
    assert trials.names() == ["t0000", "t0001", "t0002", "t0003"]
    assert {record.status for record in trials.records()} == {Status.COMPLETED}
    assert trials.states() == ["COMPLETE"] * 4
    assert trials.epochs("t0000") == [1, 2, 3]
    assert [len(trials.begun(number)) for number in range(4)] == [2, 1, 1, 1]
    notes = [text for kind, text in trials.display.told if kind == "note"]
    assert len(notes) == 1
    assert notes[0].startswith("t0000 lost its worker and starts again (attempt 2 of 3)")


def test_the_last_trial_of_a_search_is_not_lost_either(tmp_path):
    trials = Trials(tmp_path, 1)

    def kill():
        wait_until(lambda: trials.begun(0))
        os.kill(trials.begun(0)[0][1], signal.SIGKILL)
        wait_until(lambda: len(trials.begun(0)) == 2)

    with Meanwhile(kill, at_last=trials.let_all_go):
        trials.search(workers=1)
    assert [(record.trial_id, record.status) for record in trials.records()] == [
        ("t0000", Status.COMPLETED)
    ]


def test_a_trial_that_is_killed_each_time_fails_after_three_attempts(tmp_path):
    trials = Trials(tmp_path, 2)

    def kill():
        wait_until(lambda: trials.begun(1))
        for attempt, who in enumerate((0, 1, 0)):
            wait_until(lambda attempt=attempt: len(trials.begun(0)) == attempt + 1)
            os.kill(trials.begun(0)[attempt][who], signal.SIGKILL)
        wait_until(lambda: trials.names() == ["t0000"])

    with Meanwhile(kill, at_last=trials.let_all_go):
        trials.search(workers=2)
    failed, completed = sorted(trials.records(), key=lambda record: record.trial_id)
    assert (failed.status, failed.stop_reason) == (Status.FAILED, "WorkerLostError")
    assert "in 3 of 3 attempts, the last time: the training process was killed" in str(failed.error)
    assert completed.status == Status.COMPLETED
    assert trials.states() == ["FAIL", "COMPLETE"]
    assert len(trials.begun(0)) == 3


def test_a_hung_trial_fails_at_once_and_its_worker_goes_on_with_a_fresh_child(tmp_path):
    trials = Trials(tmp_path, 2, limits=Limits(silence=3.0))

    def stop():
        wait_until(lambda: trials.begun(0))
        os.kill(trials.begun(0)[0][0], signal.SIGSTOP)
        wait_until(lambda: trials.names() == ["t0000"])

    with Meanwhile(stop, at_last=trials.let_all_go):
        trials.search(workers=1)
    hung, completed = trials.records()
    assert (hung.trial_id, hung.stop_reason) == ("t0000", "HungError")
    assert (completed.trial_id, completed.status) == ("t0001", Status.COMPLETED)
    (first, worker), (second, same_worker) = trials.begun(0)[0], trials.begun(1)[0]
    assert worker == same_worker
    assert first != second
    assert gone(first)


def test_a_frozen_worker_is_killed_and_its_trial_starts_again_elsewhere(tmp_path):
    trials = Trials(tmp_path, 2, limits=Limits(frozen=8.0))

    def freeze():
        wait_until(lambda: trials.begun(0) and trials.begun(1))
        child, worker = trials.begun(0)[0]
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: len(trials.begun(0)) == 2)
        assert gone(worker)
        wait_until(lambda: gone(child))

    with countdown() as left, Meanwhile(freeze, at_last=trials.let_all_go):
        trials.search(workers=2, countdown=left)
    assert {record.status for record in trials.records()} == {Status.COMPLETED}
    assert trials.states() == ["COMPLETE"] * 2
    # The other one, which asked in time, was left alone.
    assert [len(trials.begun(number)) for number in range(2)] == [2, 1]
    (note,) = [text for kind, text in trials.display.told if kind == "note"]
    assert "t0000 lost its worker and starts again (attempt 2 of 3)" in note
    assert "its worker gave no sign of life for" in note


def test_a_countdown_that_does_not_answer_holds_nobody(monkeypatch):
    with countdown() as left:
        left.tell(100.0, 200.0)
        wait_until(lambda: left.seconds_left() <= 100)  # it has started, on a busy machine too
        monkeypatch.setattr(control, "_ANSWER_LIMIT", 1.0)
        (actor,) = (one for one in actors().values() if one["State"] == "ALIVE")
        os.kill(actor["Pid"], signal.SIGSTOP)
        assert left.seconds_left() == left.seconds_to_last("t0000") == math.inf
        assert left.silences(["t0000"]) is None


def test_a_trial_over_its_share_of_memory_fails_and_the_search_goes_on(tmp_path):
    trials = Trials(tmp_path, 2, limits=Limits(memory=200 * 2**20))

    def swell():
        wait_until(lambda: trials.begun(0))
        (tmp_path / "swell").touch()
        wait_until(lambda: trials.names() == ["t0000"])
        (tmp_path / "swell").unlink()

    with Meanwhile(swell, at_last=trials.let_all_go):
        trials.search(workers=1)
    over, completed = trials.records()
    assert (over.status, over.stop_reason) == (Status.FAILED, "OutOfMemoryError")
    assert "may hold 200 MiB of memory here, its training process held" in str(over.error)
    assert completed.status == Status.COMPLETED
    assert trials.states() == ["FAIL", "COMPLETE"]


def test_ten_crashes_of_a_kind_end_the_search_with_what_they_said(tmp_path):
    trials = Trials(tmp_path, 40)
    (tmp_path / "crash").touch()
    with pytest.raises(
        RepeatedFailureError, match=r"10 trials in a row [\s\S]*ValueError: layer \d+ does"
    ):
        trials.search(workers=2)
    # Two run at once: the tenth to fail may be the eleventh that was begun.
    assert len(trials.names()) == 10
    assert set(trials.names()) <= {f"t{number:04d}" for number in range(11)}
    for name in trials.names():
        assert "Traceback" in (trials.run.path / "trials" / name / "log.txt").read_text()


def test_enough_trials_wait_for_places_to_make_a_cluster_grow_at_once(tmp_path):
    trials = Trials(tmp_path, 8)
    seen = {}

    def look():
        def groups():
            states = [group["state"] for group in ray.util.placement_group_table().values()]
            return states.count("CREATED"), states.count("PENDING")

        wait_until(lambda: groups() == (2, 4))
        wait_until(lambda: len(list(tmp_path.glob("*.pids"))) == 2)
        seen["at once"] = groups()

    with Meanwhile(look, at_last=trials.let_all_go):
        trials.search(workers=6)
    assert seen["at once"] == (2, 4)
    assert trials.names() == [f"t{number:04d}" for number in range(8)]
    assert trials.states() == ["COMPLETE"] * 8


def stopped_while_some_wait(trials, *, let_go):
    """Six trials on two places; somebody stops the search meanwhile."""

    def stop():
        wait_until(lambda: len(list(trials.folder.glob("*.pids"))) == 2)
        wait_until(lambda: trials.book.running == 6)
        StopRequest(trials.run.path).ask()
        wait_until(lambda: any("asked to stop" in text for _, text in trials.display.told))
        let_go()

    with countdown() as left, Meanwhile(stop, at_last=trials.let_all_go):
        trials.book.follow(left)
        trials.search(workers=6, countdown=left)
        trials.book.follow(None)
    trials.book.close_waiting()


def test_trials_that_wait_for_a_worker_do_not_begin_once_the_search_is_over(tmp_path):
    trials = Trials(tmp_path, 20)
    stopped_while_some_wait(trials, let_go=trials.let_all_go)
    assert len(list(tmp_path.glob("*.pids"))) == 2
    records = {record.trial_id: record for record in trials.records()}
    assert sorted(records) == [f"t{number:04d}" for number in range(6)]
    ran = {name for name, record in records.items() if record.status == Status.COMPLETED}
    assert ran == {"t0000", "t0001"}
    for name in records.keys() - ran:
        assert (records[name].status, records[name].stop_reason) == (Status.PRUNED, "budget")
        assert records[name].epochs == 0
    assert "RUNNING" not in trials.states()


def test_a_search_that_is_over_waits_for_no_place(tmp_path):
    """No node comes: trials that nobody can train do not hold the search."""
    trials = Trials(tmp_path, 20)
    held = [ray.remote(num_cpus=1)(Nothing).remote() for _ in range(2)]
    ray.get([actor.ready.remote() for actor in held])
    try:

        def stop():
            wait_until(lambda: trials.book.running == 3)
            StopRequest(trials.run.path).ask()

        with Meanwhile(stop, at_last=trials.let_all_go):
            trials.search(workers=3)
        trials.book.close_waiting()
    finally:
        for actor in held:
            ray.kill(actor)
    assert not list(tmp_path.glob("*.pids"))
    assert {record.stop_reason for record in trials.records()} == {"budget"}
    assert trials.names() == ["t0000", "t0001", "t0002"]
    assert "RUNNING" not in trials.states()


class Nothing:
    """Holds a place."""

    def ready(self):
        return True


def test_a_request_that_came_before_the_first_trial_is_answered(tmp_path):
    trials = Trials(tmp_path, 20)
    StopRequest(trials.run.path).ask()
    trials.search(workers=2)
    assert trials.names() == []
    assert trials.book.running == 0


def test_a_worker_with_other_code_stops_the_search_before_its_first_trial(tmp_path):
    trials = Trials(tmp_path, 20)
    with pytest.raises(CodeMismatchError, match="must run the same version .* 0123456789abcdef"):
        trials.search(workers=2, code="0123456789abcdef")
    assert trials.records() == []
    assert not list(tmp_path.glob("*.pids"))


def stage_workers(**settings):
    return StageWorkers(Runtime(threads=1), CPU, tasks="child_tasks", **settings)


class EnoughError(Exception):
    """Ends the wait for a worker that never comes."""


def test_a_stage_says_that_it_waits_for_a_worker():
    class Told:
        def look(self, missing):
            raise EnoughError(missing)

    nowhere = {"CPU": 99.0, "GPU": 0.0}
    settings = {"limits": Limits(frozen=0.4), "patience": Told(), "tasks": "child_tasks"}
    with (
        StageWorkers(Runtime(threads=1), nowhere, **settings) as worker,
        pytest.raises(EnoughError) as raised,
    ):
        worker.run("run", {"action": "pid"})
    assert raised.value.args == (1,)


def test_a_stages_worker_is_told_to_be_at_its_place_while_its_first_task_runs(tmp_path):
    places = []

    def look():
        wait_until(lambda: attempts(tmp_path, "stage"))
        wait_until(lambda: places, seconds=10)  # what is told at the end comes too late to be paid

    with (
        stage_workers(placed=places.append) as worker,
        Meanwhile(look, at_last=(tmp_path / "free").touch),
    ):
        assert worker.run("fine_tune", {"source": tmp_path}) == 1
    assert len(places) == 1


def test_a_stages_task_outlives_its_child_and_its_worker(tmp_path):
    def kill():
        for attempt, who in enumerate((0, 1)):
            wait_until(lambda attempt=attempt: len(attempts(tmp_path, "stage")) == attempt + 1)
            os.kill(attempts(tmp_path, "stage")[attempt][who], signal.SIGKILL)

    places, losses = [], []
    with (
        stage_workers(
            placed=lambda actor: places.append(node_of(actor)), lost=losses.append
        ) as worker,
        Meanwhile(kill, at_last=(tmp_path / "go-3").touch),
    ):
        assert worker.run("fine_tune", {"source": tmp_path}) == 3
    assert places == [*nodes()] * 2  # a child that is killed leaves its worker where it is
    assert len(losses) == 1


def test_a_stages_task_outlives_a_frozen_worker(tmp_path):
    def freeze():
        wait_until(lambda: attempts(tmp_path, "stage"))
        child, worker = attempts(tmp_path, "stage")[0]
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: len(attempts(tmp_path, "stage")) == 2)
        wait_until(lambda: gone(worker) and gone(child))

    with (
        stage_workers(limits=Limits(frozen=4.0)) as worker,
        Meanwhile(freeze, at_last=(tmp_path / "free").touch),
    ):
        assert worker.run("fine_tune", {"source": tmp_path}) == 2


def test_a_stages_task_that_takes_longer_than_a_frozen_worker_may_be_silent(tmp_path):
    with stage_workers(limits=Limits(frozen=2.0)) as worker:
        assert worker.run("run", {"action": "beating", "seconds": 6.0}) == "done beating"
    assert not attempts(tmp_path, "stage")


def test_a_stages_task_that_loses_every_worker_is_given_up(tmp_path):
    def kill():
        for attempt in range(3):
            wait_until(lambda attempt=attempt: len(attempts(tmp_path, "stage")) == attempt + 1)
            os.kill(attempts(tmp_path, "stage")[attempt][1], signal.SIGKILL)

    with (
        stage_workers() as worker,
        Meanwhile(kill, at_last=(tmp_path / "free").touch),
        pytest.raises(WorkerLostError, match="lost its worker 3 times, the last time: its process"),
    ):
        worker.run("fine_tune", {"source": tmp_path})
    assert len(attempts(tmp_path, "stage")) == 3


def test_a_stages_own_failure_is_not_tried_again(tmp_path):
    (tmp_path / "crash").touch()
    with (
        stage_workers() as worker,
        pytest.raises(TrialError, match="failed on its worker: ValueError: layer"),
    ):
        worker.run("fine_tune", {"source": tmp_path})
    assert len(attempts(tmp_path, "stage")) == 1


def test_a_stages_worker_with_other_code_is_refused(tmp_path, monkeypatch):
    class Other(WorkerSettings):
        def __init__(self, **settings):
            super().__init__(**settings, code="0123456789abcdef")

    monkeypatch.setattr("search.stages.context.WorkerSettings", Other)
    with stage_workers() as worker, pytest.raises(CodeMismatchError, match="0123456789abcdef"):
        worker.run("run", {"action": "pid"})


@pytest.mark.parametrize(("full", "status"), [((1,), Status.COMPLETED), ((1, 2), Status.FAILED)])
def test_a_trial_out_of_memory_is_tried_once_more_in_a_fresh_process(tmp_path, full, status):
    trials = Trials(tmp_path, 2)
    for parts in full:
        (tmp_path / f"full-{parts}").touch()
    trials.let_all_go()
    trials.search(workers=1)
    assert {(record.status, record.accumulation) for record in trials.records()} == {(status, 2)}
    for number in (0, 1):
        children = [child for child, _ in trials.begun(number)]
        assert len(set(children)) == len(children) == 2
    notes = [text for kind, text in trials.display.told if kind == "note"]
    assert [note.partition(" ")[0] for note in notes] == ["t0000", "t0001"]
    assert all("starts anew: whole batches ran out of memory: MemoryError" in n for n in notes)
