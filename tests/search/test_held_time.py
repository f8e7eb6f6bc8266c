import itertools
import threading
import time

import pytest
from doubles import Clock

from search.budgets.held_time import HeldTime
from search.budgets.spent import Spent


def test_seconds_of_all_workers_add_up_while_they_are_held():
    clock = Clock()
    held = HeldTime(clock)
    held.hold("a")
    clock.now = 10.0
    held.hold("b")
    held.hold("a")
    clock.now = 15.0
    assert (held.holders, held.seconds) == (2, 20.0)
    assert held.release("a").seconds == 15.0
    clock.now = 20.0
    assert (held.holders, held.seconds) == (1, 25.0)


def test_releasing_what_is_not_held_changes_nothing():
    held = HeldTime(Clock())
    assert held.release("a") == Spent()
    assert held.seconds == 0.0


def test_what_earlier_sittings_held_counts():
    held = HeldTime(Clock())
    held.take_over("search", Spent(seconds=100.0))
    assert held.seconds == 100.0


def test_a_worker_is_let_go_when_its_block_fails():
    clock = Clock()
    held = HeldTime(clock)

    def work():
        clock.now = 3.0
        raise KeyError

    with pytest.raises(KeyError), held.holding("stage", "final"):
        work()
    assert (held.holders, held.seconds) == (0, 3.0)


def test_it_can_be_asked_while_workers_come_and_go():
    held, over = HeldTime(time.monotonic), threading.Event()

    def come_and_go():
        for number in itertools.count():
            if over.is_set():
                return
            held.hold(str(number))
            if number >= 200:
                held.release(str(number - 200))

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(20_000):
            assert held.seconds >= 0
    finally:
        over.set()
        thread.join()
