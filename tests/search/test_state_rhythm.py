from doubles import Clock

import search.workers.state_rhythm as state_rhythm
from search.workers.state_rhythm import StateRhythm


class Run:
    """A training run whose epochs take ten seconds and whose states take `cost` seconds."""

    def __init__(self, cost, **options):
        self.clock = Clock()
        self.cost = cost
        self.sent = []
        self.rhythm = StateRhythm(self.sent.append, clock=self.clock, **options)

    def make(self):
        self.clock.now += self.cost
        return f"at {self.clock.now:g}".encode()

    def epochs(self, count):
        for _ in range(count):
            self.clock.now += 10.0
            self.rhythm(self.make)


def test_a_state_a_minute_and_none_in_the_first():
    run = Run(cost=0.0)
    run.epochs(5)
    assert not run.sent
    run.epochs(13)
    assert run.sent == [b"at 60", b"at 120", b"at 180"]


def test_a_state_that_costs_more_comes_so_seldom_that_it_costs_a_hundredth():
    run = Run(cost=3.0)
    run.epochs(1000)
    # The first one comes after a minute, whatever it may turn out to cost.
    assert 0 < (len(run.sent) - 1) * run.cost <= 0.01 * run.clock.now


def test_one_that_is_too_large_is_not_sent(monkeypatch):
    monkeypatch.setattr(state_rhythm, "LARGEST_STATE", 3)
    run = Run(cost=0.0)
    run.epochs(20)
    assert not run.sent


def test_a_shorter_pause_may_be_asked_for():
    run = Run(cost=0.0, seconds=0.0)
    run.epochs(3)
    assert len(run.sent) == 3
