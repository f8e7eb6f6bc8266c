"""One driver per URI, by stores without conditional writes."""

import json
import os
import socket
import time
from pathlib import Path

import pytest

from neurosweep.errors import LeaseLostError, RunDirectoryError, StoreError
from search.mirror.lease import LEASE, Lease, waking_and_sleeping
from search.mirror.store import Store


class Clock:
    """A clock that sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def store(tmp_path):
    return Store(f"file://{tmp_path}/run")


def lease(store, clock=None, **settings):
    clock = clock or Clock()
    return Lease(store, clock=clock, sleep=clock.sleep, **settings)


def grow_old(store, seconds):
    """Sets back the time at which the store saw the lease last written."""
    path = Path(store._base) / LEASE
    told = path.stat()
    os.utime(path, (told.st_atime - seconds, told.st_mtime - seconds))


def of_another_machine(store):
    told = json.loads(store.get(LEASE))
    told["holder"] |= {"host": "far-away", "process": 4711, "kernel": "another boot"}
    store.put(LEASE, json.dumps(told).encode())


def test_the_second_is_refused_naming_the_first(store):
    lease(store).take()
    who = f"process {os.getpid()} on {socket.gethostname()} since 20"
    with pytest.raises(RunDirectoryError, match=f"is held by {who}.*last heard of 0 s ago"):
        lease(store).take()


def test_a_lease_that_was_given_back_can_be_taken(store):
    first = lease(store)
    first.take()
    first.release()
    assert store.entries() == {}
    lease(store).take()


def test_a_holder_silent_for_too_long_is_replaced_and_notices(store):
    first = lease(store)
    first.take()
    of_another_machine(store)
    grow_old(store, 59)
    with pytest.raises(RunDirectoryError, match="far-away.*when it has been silent for 60 s"):
        lease(store).take()
    grow_old(store, 2)
    lease(store).take()
    with pytest.raises(LeaseLostError, match=f"taken over by process {os.getpid()}.*stops here"):
        first.renew()


def test_renewing_keeps_it(store):
    first = lease(store)
    first.take()
    grow_old(store, 70)
    first.renew()
    with pytest.raises(RunDirectoryError, match="is held by"):
        lease(store).take()


def test_a_holder_of_this_machine_that_has_died_is_replaced_at_once(store):
    lease(store).take()
    told = json.loads(store.get(LEASE))
    told["holder"]["started"] -= 1000  # its number has been used again
    store.put(LEASE, json.dumps(told).encode())
    lease(store).take()


def test_of_two_who_come_at_the_same_moment_one_is_refused(store):
    second = lease(store)

    class Between(Clock):
        def sleep(self, seconds):
            second._write()  # it had seen no lease, and writes before the first reads back
            super().sleep(seconds)

    with pytest.raises(RunDirectoryError, match="took it at the same moment"):
        lease(store, Between()).take()
    second.renew()


def test_a_store_too_slow_to_be_sure_is_not_trusted(store, monkeypatch):
    clock = Clock()
    slow = lease(store, clock)
    put = store.put

    def slowly(name, content):
        clock.now += 3
        put(name, content)

    monkeypatch.setattr(store, "put", slowly)
    with pytest.raises(StoreError, match="more than 2 s to read and write.*try again"):
        slow.take()


def test_a_lease_that_someone_deleted_is_lost(store):
    first = lease(store)
    first.take()
    store.delete(LEASE)
    with pytest.raises(LeaseLostError, match="someone who has ended since"):
        first.renew()


def test_a_damaged_lease_holds_nobody_off(store):
    store.put(LEASE, b"{")
    lease(store).take()


def test_a_lease_ages_while_the_machine_is_suspended(store, monkeypatch):
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no clock that goes on in a suspended machine")
    ours = Lease(store)
    real, slept = time.clock_gettime, 3600.0

    def after_a_suspend(clock):
        return real(clock) + (slept if clock == time.CLOCK_BOOTTIME else 0.0)

    assert ours.age < 60
    monkeypatch.setattr(time, "clock_gettime", after_a_suspend)
    assert slept <= ours.age < slept + 60


def test_without_such_a_clock_the_monotonic_one_is_read(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    before = time.monotonic()
    assert before <= waking_and_sleeping() <= time.monotonic()


def test_on_an_s3_server(s3):
    store = Store(f"s3://{s3.bucket()}/run")
    first = Lease(store, seconds=60, settle=2)
    first.take()
    first.renew()
    with pytest.raises(RunDirectoryError, match="is held by process"):
        Lease(store).take()
    of_another_machine(store)
    with pytest.raises(LeaseLostError):
        Lease(store, seconds=-1).renew()
    Lease(store, seconds=-1).take()  # it has been silent for longer than that
