import math
import threading
from pathlib import Path

import pytest
from doubles import Clock

from search.workers.control import Countdown, Lateness
from search.workers.limits import Limits
from search.workers.warm_child import WarmChild
from trainables import Runtime


def test_a_countdown_counts_to_both_of_its_ends():
    left = Countdown()
    assert (left.seconds_left(), left.seconds_to_last("t0")) == (math.inf, math.inf)
    left.tell(100.0, 200.0)
    assert 99 < left.seconds_left() <= 100
    assert 199 < left.seconds_to_last("t0") <= 200
    left.tell(0.0, None)
    assert (left.seconds_left(), left.seconds_to_last("t0")) == (0.0, math.inf)


def test_a_countdown_remembers_who_asked_as_long_as_it_is_asked_for():
    left = Countdown()
    left.seconds_to_last("t0")
    left.seconds_to_last("t1")
    heard = left.silences(["t0", "t1", "t2"])
    assert heard.keys() == {"t0", "t1"}
    assert all(0 <= seconds < 1 for seconds in heard.values())
    assert left.silences(["t1"]).keys() == {"t1"}
    assert left.silences(["t0", "t1"]).keys() == {"t1"}


class Last:
    """A countdown by a clock of the test; counts how often it is asked."""

    def __init__(self, clock, end):
        self.clock, self.end, self.asked = clock, end, 0

    def seconds_to_last(self, trial_id):
        assert trial_id == "t0"
        self.asked += 1
        return max(0.0, self.end - self.clock.now)


def test_a_worker_asks_seldom_while_there_is_time_and_is_late_within_a_second():
    clock = Clock()
    countdown = Last(clock, 600.0)
    is_late = Lateness(countdown, "t0", clock=clock)
    while not is_late():
        clock.now += 0.5
    assert clock.now <= 601.0
    assert countdown.asked < 40


def test_a_worker_that_must_be_heard_of_asks_as_often():
    clock = Clock()
    countdown = Last(clock, 1e9)
    is_late = Lateness(countdown, "t0", seldom=5.0, clock=clock)
    while clock.now < 100:
        assert not is_late()
        clock.now += 0.5
    assert countdown.asked == 20


def test_a_nearer_end_is_heard_of_in_half_a_minute():
    clock = Clock()
    countdown = Last(clock, 1e9)
    is_late = Lateness(countdown, "t0", clock=clock)
    assert not is_late()
    countdown.end = 5.0
    while not is_late():
        clock.now += 0.5
    assert clock.now <= 31.0


@pytest.fixture
def child(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    ours = WarmChild(Runtime(threads=1), Limits(), tasks="child_tasks")
    yield ours
    ours.close()


def test_a_task_that_is_late_ends_in_mid_epoch_and_the_process_goes_on(child):
    late = threading.Event()
    child.begin("run", {"action": "beating", "seconds": 120})
    threading.Timer(1.0, late.set).start()
    kind, failure = child.next_message(late.is_set)
    assert (kind, failure["kind"]) == ("failed", "OutOfTimeError")
    process = child.pid
    child.begin("run", {"action": "beating", "seconds": 0.1})
    assert child.next_message(lambda: False) == ("done", "done beating")
    assert child.pid == process


def test_a_word_that_came_too_late_is_passed_over(child):
    child.begin("run", {"action": "beating", "seconds": 1.0})
    assert child.next_message(lambda: True) == ("done", "done beating")
    child.begin("run", {"action": "beating", "seconds": 0.1})
    assert child.next_message() == ("done", "done beating")


def test_a_task_that_was_told_to_end_is_not_told_twice_and_its_worker_goes_on_asking(child):
    asked = []
    child.begin("run", {"action": "silent", "seconds": 3.0})

    def is_late():
        asked.append(True)
        return True

    assert child.next_message(is_late) == ("done", None)
    assert len(asked) > 3


def test_a_task_that_is_dropped_ends_in_mid_epoch(child):
    child.begin("run", {"action": "beating", "seconds": 120})
    process = child.pid
    child.drop()
    child.begin("run", {"action": "beating", "seconds": 0.1})
    assert child.next_message() == ("done", "done beating")
    assert child.pid == process
