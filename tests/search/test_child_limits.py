"""A child past its limits is ended, and what ended it decides whose fault it was; no TensorFlow."""

import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from neurosweep.errors import (
    CrashedError,
    HungError,
    OutOfMemoryError,
    TimeLimitError,
    WorkerLostError,
)
from search.workers.child import ALIVE, CONTINUE, _Pulse
from search.workers.limits import Limits
from search.workers.warm_child import WarmChild
from trainables import Runtime, alive

MIB = 2**20


@pytest.fixture
def child(monkeypatch):
    """Returns a function that makes a child with limits and the tasks of `child_tasks`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    made = []

    def make(threads=1, **limits) -> WarmChild:
        made.append(WarmChild(Runtime(threads=threads), Limits(**limits), tasks="child_tasks"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def do(child, action, **settings):
    child.begin("run", {"action": action, **settings})
    return child.next_message()


def test_a_silent_process_has_hung_and_says_where(child):
    ours = child(silence=1.0)
    _, hung = do(ours, "pid")
    with pytest.raises(HungError, match="gave none for 1 seconds") as caught:
        do(ours, "silent", seconds=60)
    assert 'child_tasks.py", line' in str(caught.value)
    assert "in _silent" in str(caught.value)
    assert not psutil.pid_exists(hung)
    kind, fresh = do(ours, "pid")
    assert (kind, fresh != hung) == ("done", True)


def test_a_stopped_process_has_hung(child):
    ours = child(silence=1.0)
    with pytest.raises(HungError):
        do(ours, "die", number=signal.SIGSTOP)


def test_signs_of_life_keep_a_long_task_going(child):
    ours = child(silence=4.0)
    assert do(ours, "beating", seconds=6.0) == ("done", "done beating")


def test_an_epoch_that_takes_too_long_ends_its_trial_though_it_is_alive(child):
    ours = child(epoch=1.5)
    assert do(ours, "beating", seconds=0.1) == ("done", "done beating")
    with pytest.raises(TimeLimitError, match="may take 1.5 seconds.*resources.epoch_limit"):
        do(ours, "beating", seconds=60)


def test_the_limit_is_one_of_each_epoch_and_not_of_all(child, tmp_path):
    ours = child(epoch=5.0)
    (tmp_path / "free").touch()
    recipe = SimpleNamespace(seed=1, accumulation=1)
    ours.begin("fit", {"recipe": recipe, "source": tmp_path, "epochs": 6})
    kinds = []
    began = time.monotonic()
    while not kinds or kinds[-1] == "epoch":
        kinds.append(ours.next_message()[0])
        time.sleep(1.0)  # so does whoever asks for the next
        if kinds[-1] == "epoch":
            ours.answer(CONTINUE)
    assert kinds == ["epoch"] * 6 + ["done"]
    assert time.monotonic() - began > 5.0


def test_memory_past_the_share_ends_the_trial_with_figures(child):
    ours = child(memory=150 * MIB)
    assert do(ours, "hold", mib=1)[0] == "done"
    with pytest.raises(OutOfMemoryError, match=r"may hold 150 MiB .* process held [12]\d\d MiB"):
        do(ours, "hold and wait", mib=250)
    assert do(ours, "hold", mib=1)[0] == "done"


def test_mapped_files_are_not_a_trials_own_memory(child, tmp_path):
    (tmp_path / "cache").write_bytes(bytes(300 * MIB))
    ours = child(memory=200 * MIB)
    assert do(ours, "map", source=tmp_path)[0] == "done"


def test_a_process_past_the_mark_is_replaced_between_tasks_only(child):
    ours = child(memory=400 * MIB)  # the mark is 240 MiB
    _, small = do(ours, "hold", mib=10)
    _, grown = do(ours, "hold", mib=230)
    assert grown == small
    _, fresh = do(ours, "hold", mib=1)
    assert fresh != grown


def test_a_python_memory_error_counts_as_memory(child):
    kind, failure = do(child(), "no memory")
    assert (kind, failure["kind"]) == ("failed", "OutOfMemoryError")
    assert failure["message"].startswith("MemoryError")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_from_outside_is_no_fault_of_the_trial(child, number):
    ours = child()
    _, pid = do(ours, "pid")
    ours.begin("run", {"action": "beating", "seconds": 60})
    threading.Timer(0.3, os.kill, (pid, number)).start()
    with pytest.raises(WorkerLostError, match=f"killed from outside \\({number.name}\\)"):
        ours.next_message()
    assert do(ours, "pid")[0] == "done"


def test_a_kill_near_the_share_is_taken_for_the_kernels(child):
    ours = child(memory=300 * MIB)
    do(ours, "hold", mib=1)
    ours.begin("run", {"action": "hold and wait", "mib": 250})
    process = psutil.Process(ours.pid)

    def kill_when_large():
        end = time.monotonic() + 30
        while process.memory_info().rss < 262 * MIB and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1.5)  # the watcher has looked again meanwhile
        process.kill()

    threading.Thread(target=kill_when_large, daemon=True).start()
    with pytest.raises(OutOfMemoryError, match="most likely for memory: it was last seen with 2"):
        ours.next_message()


@pytest.mark.parametrize(
    ("action", "settings", "message"),
    [
        ("die", {"number": signal.SIGSEGV}, r"crashed \(SIGSEGV\)[\s\S]*child_tasks.py"),
        ("die", {"number": signal.SIGABRT}, r"crashed \(SIGABRT\)"),
        ("leave", {}, r"ended \(exit status 7\)"),
    ],
)
def test_a_process_that_ends_by_itself_has_crashed(child, action, settings, message):
    with pytest.raises(CrashedError, match=message):
        do(child(), action, **settings)


def test_a_process_that_cannot_start_is_no_fault_of_the_trial(child):
    with pytest.raises(WorkerLostError, match=r"could not be started[\s\S]*99 threads cannot be"):
        do(child(threads=99), "pid")


def test_a_pulse_is_sent_now_and_then_however_often_the_heart_beats(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    sent = []

    class Line:
        def poll(self):
            return False

        def send(self, message):
            sent.append((now[0], message))

    alive.watch(_Pulse(Line()))
    try:
        for _ in range(1000):
            now[0] += 0.01
            alive.beat()
    finally:
        alive.watch(None)
    assert [message for _, message in sent] == [(ALIVE, None)] * 5
    alive.beat()


@pytest.mark.parametrize(("gpus", "named"), [(0.0, ""), (0.5, "1"), (1.0, "1")])
def test_a_child_sees_the_gpus_of_its_worker_or_none(monkeypatch, gpus, named):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    ours = WarmChild(Runtime(threads=1), tasks="child_tasks", gpus=gpus)
    try:
        assert do(ours, "seen") == ("done", (named, gpus))
    finally:
        ours.close()
