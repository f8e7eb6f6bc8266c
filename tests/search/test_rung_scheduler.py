"""Our rule as Tune's scheduler, on the scheduler's real interface and on a real search."""

import pickle
from types import SimpleNamespace

import pytest
from ray.tune.utils.util import flatten_dict

from search.books.rungs import Rungs
from search.scheduling.rung_scheduler import FirstCome, RungScheduler
from search.workers.worker import FINAL, PROGRESS, SCORE


class SimpleNamespaceThatHashes(SimpleNamespace):
    """Tune keeps live trials in a set."""

    __hash__ = object.__hash__


class Book:
    """Remembers why trials were stopped."""

    def __init__(self):
        self.stops, self.repeats = {}, set()

    def may_be_stopped(self, trial_id):
        return trial_id not in self.repeats

    def note_stop(self, trial_id, reason):
        self.stops[trial_id] = reason


def trial(number, epochs=10):
    name = f"t{number:04d}"
    return SimpleNamespace(
        trial_id=f"tune-{number}",
        config={"assignment": {"trial_id": name, "recipe": {"epochs": epochs}}},
    )


def told(scheduler, number, epoch, score):
    return scheduler.on_trial_result(None, trial(number), {SCORE: score, PROGRESS: epoch})


def test_a_trial_is_stopped_with_its_reason_in_the_book_under_its_own_name():
    book, rungs = Book(), Rungs()
    scheduler = RungScheduler(rungs, book)
    for number in range(10):
        assert told(scheduler, number, 2, 0.9) == "CONTINUE"
    assert told(scheduler, 10, 1, 0.1) == "CONTINUE"
    assert told(scheduler, 10, 2, 0.1) == "STOP"
    assert book.stops == {"t0010": "0.1 after epoch 2 is not among the best 7 of 11"}
    assert told(scheduler, 11, 10, 0.1) == "CONTINUE"  # its last epoch ends it in order


def test_a_trial_with_a_result_is_let_go_and_one_that_lost_its_worker_may_come_again():
    rungs = Rungs()
    scheduler = RungScheduler(rungs, Book())
    for number in range(3):
        told(scheduler, number, 2, 0.5)
    result = {"done": True, FINAL: {"result": {"epochs": 2}, "weights": [0]}}
    assert scheduler.on_trial_result(None, trial(0), flatten_dict(result)) == "CONTINUE"
    failure = {"done": True, FINAL: {"failure": {"kind": "WorkerLostError", "message": "m"}}}
    assert scheduler.on_trial_result(None, trial(1), flatten_dict(failure)) == "CONTINUE"
    scheduler.on_trial_error(None, trial(2))
    # Their epochs, passed again, are not counted twice: six trials come to the grace, not eight.
    for number in (1, 2, 3):
        told(scheduler, number, 2, 0.5)
    told(scheduler, 4, 2, 0.1)
    assert rungs.decide("last", 2, 10, 0.1).reason.endswith("of 6")


def known_to_tune(number, status):
    """Tune names trials at random."""
    name = f"{1234567 * (100 - number) % 2**32:08x}"
    ours = vars(trial(number)) | {"trial_id": name, "status": status}
    return SimpleNamespaceThatHashes(**ours)


@pytest.mark.parametrize("scheduler", [FirstCome(), RungScheduler(Rungs(), Book())])
def test_trials_start_in_their_order_and_ended_ones_are_not_looked_at(scheduler):
    live = {known_to_tune(number, "PENDING") for number in (11, 3, 7)}
    live |= {known_to_tune(1, "RUNNING"), known_to_tune(2, "PAUSED")}
    controller = SimpleNamespace(get_live_trials=lambda: live)  # get_trials would raise
    started = []
    while (chosen := scheduler.choose_trial_to_run(controller)) is not None:
        started.append(chosen.config["assignment"]["trial_id"])
        live.remove(chosen)
    assert started == ["t0003", "t0007", "t0011", "t0002"]


def test_tune_may_pickle_it_without_the_books():
    assert pickle.loads(pickle.dumps(RungScheduler(Rungs(), Book()))).__dict__ == {}  # noqa: S301


def test_a_repeat_is_compared_with_and_goes_on():
    book = Book()
    book.repeats.add("t0003")
    scheduler = RungScheduler(Rungs(), book)
    for number in range(3):
        told(scheduler, number, 2, 0.9)
    assert told(scheduler, 3, 2, 0.1) == "CONTINUE"
    assert told(scheduler, 4, 2, 0.05) == "STOP"
    assert set(book.stops) == {"t0004"}
