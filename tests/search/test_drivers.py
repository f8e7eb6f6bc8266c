"""Threads that drive workers: what they say, raise and leave comes out in the caller's thread."""

import threading

import pytest

from search.stages import drivers
from search.stages.drivers import Drivers

pytestmark = pytest.mark.timeout(60)


def test_what_threads_say_comes_out_in_the_callers_thread_until_all_have_ended():
    team = Drivers[int](lambda: None)
    meet = threading.Barrier(3, timeout=20)
    by = set()

    def drive():
        by.add(threading.get_ident())
        team.say(meet.wait())  # breaks unless three drive at once
        team.say(meet.wait())

    assert sorted(team.run([drive] * 3)) == [0, 0, 1, 1, 2, 2]
    assert len(by) == 3
    assert threading.get_ident() not in by
    assert team.are_closed


def test_what_a_thread_raises_ends_the_work():
    team = Drivers[int](lambda: None)
    raised = threading.Event()

    def fail():
        raised.set()
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        list(team.run([fail, lambda: raised.wait(20)]))
    assert team.are_closed


def test_a_caller_that_stops_listening_closes_them():
    team = Drivers[str](lambda: None)
    said = team.run([lambda: team.say("first")])
    assert next(said) == "first"
    assert not team.are_closed
    said.close()
    assert team.are_closed


def test_while_nobody_says_anything_the_caller_looks_around(monkeypatch):
    monkeypatch.setattr(drivers, "LOOK_EVERY", 0.01)
    looked = threading.Event()
    team = Drivers[str](looked.set)

    def drive():
        assert looked.wait(20)
        team.say("seen")

    assert list(team.run([drive])) == ["seen"]
