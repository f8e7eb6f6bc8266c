"""Workers that share a list of jobs: what becomes of the jobs of one that is lost."""

import threading
from contextlib import contextmanager

import pytest
from ray.exceptions import RayTaskError

from neurosweep.errors import NeurosweepError, WorkerLostError
from search.stages.pool import WorkerPool

pytestmark = pytest.mark.timeout(60)


class Hand:
    """A worker that has a place, or never gets one."""

    def __init__(self, number, *, has_place=True):
        self.number = number
        self.has_place = has_place
        self.is_open = True

    def ready(self, seconds):
        return self.has_place or threading.Event().wait(min(seconds, 0.01))

    def run(self, task, payload, *, seconds=None):
        raise AssertionError("the jobs of this test need no task")


class Hands:
    """Hires workers, and lets them go."""

    def __init__(self, placeless=()):
        self.all = []
        self._placeless = placeless

    @contextmanager
    def __call__(self):
        hand = Hand(len(self.all), has_place=len(self.all) not in self._placeless)
        self.all.append(hand)
        try:
            yield hand
        finally:
            hand.is_open = False


def test_each_job_is_done_once_and_comes_out_with_what_it_gave():
    with WorkerPool(Hands(), 3) as pool:
        done = dict(pool.work(range(50), lambda _, job: job * job))
    assert done == {number: number * number for number in range(50)}


def test_workers_work_at_the_same_time_in_threads_of_their_own():
    meet = threading.Barrier(3, timeout=20)
    with WorkerPool(Hands(), 3) as pool:
        done = list(pool.work(range(3), lambda hand, _: (meet.wait(), hand.number)[1]))
    assert sorted(number for _, number in done) == [0, 1, 2]


def test_no_jobs_are_no_work():
    with WorkerPool(Hands(), 2) as pool:
        assert list(pool.work([], lambda *_: None)) == []


def test_they_are_hired_once_and_let_go_at_the_end():
    hands = Hands()
    with WorkerPool(hands, 2) as pool:
        list(pool.work(range(4), lambda *_: None))
        list(pool.work(range(4), lambda *_: None))
        assert [hand.is_open for hand in hands.all] == [True, True]
    assert [hand.is_open for hand in hands.all] == [False, False]


def test_where_one_cannot_be_hired_the_others_are_let_go():
    hands, hired = Hands(), []

    def hire():
        if len(hired) == 2:
            raise NeurosweepError("no third one")
        hired.append(True)
        return hands()

    with pytest.raises(NeurosweepError, match="no third one"), WorkerPool(hire, 3):
        pass
    assert [hand.is_open for hand in hands.all] == [False, False]


def test_the_job_of_a_lost_worker_is_done_by_another():
    with WorkerPool(Hands(), 2) as pool:

        def do(hand, job):
            if hand.number == 0:
                raise WorkerLostError("gone")
            return hand.number

        assert sorted(pool.work(range(6), do)) == [(number, 1) for number in range(6)]


def test_the_last_job_is_done_by_a_worker_that_had_nothing_left_to_do():
    first_is_done, by = threading.Event(), []

    def do(hand, job):
        by.append((job, hand.number))
        if job == "quick":
            first_is_done.set()
        elif len([one for one, _ in by if one == "slow"]) == 1:
            first_is_done.wait(20)
            raise WorkerLostError("lost with the last job, when the list was empty")
        return job

    with WorkerPool(Hands(), 2) as pool:
        assert sorted(said for _, said in pool.work(["slow", "quick"], do)) == ["quick", "slow"]
    (_, lost), (_, took_over) = [one for one in by if one[0] == "slow"]
    assert lost != took_over


def test_a_single_job_is_not_lost_with_its_worker():
    lost = []

    def do(hand, _):
        if not lost:
            lost.append(hand.number)
            raise WorkerLostError("gone")
        return hand.number

    with WorkerPool(Hands(), 4) as pool:
        ((_, by),) = pool.work(["only"], do)
    assert by not in lost


def test_jobs_that_are_left_when_all_workers_are_lost_end_the_stage():
    def do(hand, job):
        if job > 2:
            raise WorkerLostError(f"the node of {hand.number} is gone")
        return job

    done = []

    def work(pool):
        for job, _ in pool.work(range(6), do):
            done.append(job)

    with WorkerPool(Hands(), 2) as pool, pytest.raises(WorkerLostError) as raised:
        work(pool)
    assert "every worker of the stage was lost, the last one: the node of" in str(raised.value)
    assert sorted(done) == [0, 1, 2]


def test_what_a_job_raises_reaches_the_caller():
    def do(_, job):
        if job == 3:
            raise NeurosweepError("the disk is full")
        return job

    with WorkerPool(Hands(), 2) as pool, pytest.raises(NeurosweepError, match="the disk is full"):
        list(pool.work(range(10), do))


def test_a_mistake_of_ours_on_a_worker_is_not_taken_for_its_loss():
    tried = []

    def do(hand, _):
        tried.append(hand.number)
        raise RayTaskError("run", "Traceback: a TypeError", TypeError("not a number"))

    with WorkerPool(Hands(), 3) as pool, pytest.raises(RayTaskError):
        list(pool.work(["only"], do))
    assert len(tried) == 1


def test_what_the_caller_raises_ends_the_work():
    begun, told = [], threading.Event()

    def do(_, job):
        begun.append(job)
        if job:
            told.wait(20)
        return job

    def interrupted(pool):
        for _ in pool.work(range(1000), do):
            raise KeyboardInterrupt

    with WorkerPool(Hands(), 1) as pool:
        with pytest.raises(KeyboardInterrupt):
            interrupted(pool)
        told.set()  # it runs, and finds that nobody wants another
        list(pool.work([0], lambda *_: None))
    assert len(begun) <= 2


def test_once_it_is_over_no_job_is_begun_and_those_that_run_are_finished():
    over = threading.Event()

    def do(_, job):
        if job == 2:
            over.set()
        return job

    with WorkerPool(Hands(), 1) as pool:
        done = list(pool.work(range(100), do, is_over=over.is_set))
    assert done == [(0, 0), (1, 1), (2, 2)]


def test_it_can_be_over_before_anything_began():
    with WorkerPool(Hands(), 2) as pool:
        assert list(pool.work(range(5), lambda *_: 0, is_over=lambda: True)) == []


def test_a_worker_without_a_place_holds_nobody_up():
    hands = Hands(placeless={0})
    with WorkerPool(hands, 2) as pool:
        assert sorted(pool.work(range(5), lambda hand, _: hand.number)) == [
            (number, 1) for number in range(5)
        ]


def test_workers_that_never_get_a_place_are_waited_for_until_it_is_over():
    looks = []

    def is_over():
        looks.append(True)
        return len(looks) > 3

    with WorkerPool(Hands(placeless={0}), 1) as pool:
        assert list(pool.work(range(5), lambda *_: 0, is_over=is_over)) == []
