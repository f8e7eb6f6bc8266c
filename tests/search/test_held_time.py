import itertools
import threading
import time

import pytest
from doubles import Clock

from search.budgets.held_time import HeldTime, Size
from search.budgets.spent import Spent


def test_seconds_of_all_workers_add_up_while_they_are_held():
    clock = Clock()
    held = HeldTime(clock)
    held.hold("a")
    held.place("a", None)
    clock.now = 10.0
    held.hold("b")
    held.place("b", None)
    held.hold("a")
    clock.now = 15.0
    assert (held.holders, held.seconds) == (2, 20.0)
    assert held.release("a").seconds == 15.0
    clock.now = 20.0
    assert (held.holders, held.seconds) == (1, 25.0)


def test_waiting_for_a_place_costs_nothing_and_a_second_place_goes_on_with_the_count():
    clock = Clock()
    held = HeldTime(clock)
    for name in "abcdefgh":
        held.hold(name, "screen", Size(gpus=1.0))
    clock.now = 3600.0
    assert (held.holders, held.total) == (0, Spent())
    held.place("a", 0.5)
    clock.now = 3610.0
    assert held.total == Spent(seconds=10.0, cost=5.0, gpu_seconds=10.0)
    held.place("a", 1.0)
    clock.now = 3620.0
    assert (held.holders, held.total.seconds, held.total.cost) == (1, 20.0, 15.0)
    assert held.release("b") == Spent()


def test_a_worker_that_is_lost_costs_nothing_until_another_has_its_place():
    clock = Clock()
    held = HeldTime(clock)
    held.hold("a")
    held.place("a", 1.0)
    clock.now = 10.0
    held.lose("a")
    clock.now = 3600.0
    held.place("a", 2.0)
    clock.now = 3605.0
    assert held.release("a") == Spent(seconds=15.0, cost=20.0, lost=1)


def test_rates_are_those_of_workers_with_a_place_and_of_all_before_the_first_has_come():
    held = HeldTime(Clock())
    assert held.per_second(1.0) == Spent()
    for name in "abcd":
        held.hold(name, "screen", Size(gpus=2.0))
    assert held.per_second(1.0) == Spent(seconds=4.0, cost=4.0, gpu_seconds=8.0)
    held.place("a", 0.25)
    assert held.per_second(1.0) == Spent(seconds=1.0, cost=0.25, gpu_seconds=2.0)
    held.place("b", None)
    assert held.per_second(1.0) == Spent(seconds=2.0, cost=1.25, gpu_seconds=4.0)


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
        held.place("stage", None)
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
            held.place(str(number), None)
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
