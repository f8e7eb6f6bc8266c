"""Workers that do not come are told of: once, then at growing intervals."""

import threading

import pytest

from search.stages.pool import WorkerPool
from search.workers.patience import Patience


class Clock:
    """Told the time, and what is waited for, minute by minute."""

    def __init__(self):
        self.minute = 0
        self.told = []
        self._patience = Patience(
            lambda text: self.told.append((self.minute, text)),
            cluster=lambda: "the cluster has nothing",
            clock=lambda: 60.0 * self.minute,
        )

    def wait(self, *missing):
        for number in missing:
            self._patience.look(number)
            self.minute += 1

    @property
    def minutes(self):
        return [minute for minute, _ in self.told]


@pytest.fixture
def clock():
    return Clock()


def test_it_is_said_after_three_minutes_then_ever_more_seldom(clock):
    clock.wait(*[8] * 300)
    assert clock.minutes == [3, 6, 12, 24, 48, 96, 156, 216, 276]
    assert clock.told[1] == (
        6,
        "waiting for 8 workers for 6 min: the cluster has nothing; `ray status` on the cluster's "
        "head says why none comes. What waits begins when there is room",
    )
    assert clock.told[0][1].startswith("waiting for 8 workers for 3 min")


def test_one_worker_is_not_several(clock):
    clock.wait(*[1] * 5)
    assert clock.told[0][1].startswith("waiting for 1 worker for 3 min")


def test_nobody_is_missing(clock):
    clock.wait(*[0] * 30)
    assert not clock.told


def test_while_nodes_come_one_by_one_nothing_is_said(clock):
    clock.wait(8, 8, 7, 7, 6, 5, 5, 4, 4, 3, 3, 2, 1, 0, 0, 0, 0, 0)
    assert not clock.told


def test_trials_that_end_and_begin_meanwhile_are_no_nodes_that_come(clock):
    clock.wait(*[4, 3] * 10)
    assert clock.minutes == [4, 7, 13]


def test_it_begins_anew_after_all_were_there(clock):
    clock.wait(2, 2, 2, 2, 0, 2, 2, 2, 2, 2)
    assert clock.minutes == [3, 8]


def test_a_pool_says_how_many_of_its_workers_have_no_place(monkeypatch):
    monkeypatch.setattr("search.stages.drivers.LOOK_EVERY", 0.02)
    missing, told = [], threading.Event()

    class Told:
        def look(self, number):
            missing.append(number)
            if number == 2:
                told.set()

    class Hand:
        def __init__(self, has_place):
            self._has_place = has_place

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def ready(self, seconds):
            return self._has_place or threading.Event().wait(seconds)

    hands = iter([Hand(True), Hand(False), Hand(False)])
    with WorkerPool(lambda: next(hands), 3, patience=Told()) as pool:
        assert list(pool.work(["job"], lambda *_: told.wait(20))) == [("job", True)]
    assert set(missing) <= {0, 1, 2}
