from types import SimpleNamespace

import pytest
from doubles import Clock

from search.scheduling.frozen_workers import FrozenWorkers
from search.workers.limits import Limits


class Heard:
    """What a countdown knows."""

    def __init__(self):
        self.silences_of = {}
        self.asked = 0

    def silences(self, trial_ids):
        self.asked += 1
        if self.silences_of is None:
            return None
        return {name: self.silences_of[name] for name in trial_ids if name in self.silences_of}


def trial(name):
    return SimpleNamespace(
        config={"assignment": {"trial_id": name}},
        temporary_state=SimpleNamespace(ray_actor=f"actor of {name}"),
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def killed():
    return []


@pytest.fixture
def watch(clock, heard, killed):
    return FrozenWorkers(heard, Limits(frozen=900.0), kill=killed.append, clock=clock)


@pytest.fixture
def pass_time(watch, clock):
    """Lets seconds pass in Tune's loop."""

    def passed(seconds):
        end = clock.now + seconds
        while clock.now < end:
            clock.now = min(end, clock.now + 31)
            watch.on_step_begin()

    return passed


def test_a_silent_worker_is_killed_once_and_the_others_are_left(watch, pass_time, heard, killed):
    for name in ("t0", "t1"):
        watch.on_trial_start(trial=trial(name))
    heard.silences_of = {"t0": 5.0, "t1": 5.0}
    pass_time(2000)
    heard.silences_of = {"t0": 901.0, "t1": 899.0}
    pass_time(100)
    assert killed == ["actor of t0"]
    assert watch.why_killed("t0") == "its worker gave no sign of life for 901 seconds"
    assert watch.why_killed("t0") is None
    assert watch.why_killed("t1") is None


def test_a_worker_that_was_never_heard_of_is_silent_since_its_trial_began(watch, pass_time, killed):
    pass_time(500)
    watch.on_trial_start(trial=trial("t0"))
    pass_time(899)
    assert killed == []
    pass_time(50)
    assert killed == ["actor of t0"]


def test_what_was_heard_of_an_earlier_attempt_does_not_count(watch, pass_time, heard, killed):
    pass_time(5000)
    heard.silences_of = {"t0": 4000.0}
    watch.on_trial_start(trial=trial("t0"))
    pass_time(100)
    assert killed == []


def test_silence_while_the_driver_stood_still_is_nobodys(watch, clock, pass_time, heard, killed):
    watch.on_trial_start(trial=trial("t0"))
    pass_time(100)
    clock.now += 2000  # Ctrl-Z, and fg
    heard.silences_of = {"t0": 1990.0}
    pass_time(900)
    assert killed == []
    pass_time(62)
    assert killed == ["actor of t0"]


@pytest.mark.parametrize("end", ["on_trial_complete", "on_trial_error"])
def test_a_trial_that_ended_is_watched_no_more(watch, pass_time, heard, killed, end):
    watch.on_trial_start(trial=trial("t0"))
    getattr(watch, end)(trial=trial("t0"))
    pass_time(2000)
    assert killed == []
    assert heard.asked == 0


def test_nobody_is_killed_while_nothing_is_known(watch, pass_time, heard, killed):
    watch.on_trial_start(trial=trial("t0"))
    heard.silences_of = None
    pass_time(2000)
    assert killed == []


def test_it_looks_each_half_minute(watch, clock, heard):
    watch.on_trial_start(trial=trial("t0"))
    for _ in range(600):
        clock.now += 0.1
        watch.on_step_begin()
    assert heard.asked == 2
