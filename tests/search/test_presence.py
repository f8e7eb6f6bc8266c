"""What is wrong with a node, by what it says of itself: its code, its versions, its clock."""

import pytest

from search.workers import worker
from search.workers.code_hash import code_hash
from search.workers.installed import explain_versions, installed
from search.workers.nodes import Node
from search.workers.presence import Presence
from search.workers.worker import WorkerSettings
from trainables import Runtime

NODE = Node(id="f", hostname="gpu-3", address="10.0.0.3", cpus=8, gpus=1, kind="spot")
CODE = "a" * 16


def presence(**changes):
    """A node like the driver, whose clock is right: it answered a second after it was asked."""
    said = {"versions": installed(), "code": CODE, "clock": 1001.0, "asked": 1000.0, "came": 1002.0}
    return Presence(node=NODE, **{**said, **changes})


def test_a_node_like_the_driver_is_neither_refused_nor_spoken_of():
    assert presence().refusal(CODE, installed()) is None
    assert presence().note() is None
    assert presence().to_dict() == {
        "hostname": "gpu-3",
        "address": "10.0.0.3",
        "kind": "spot",
        "cpus": 8,
        "gpus": 1,
        "python": installed()["python"],
        "clock_offset": 0.0,
    }


def test_other_code_is_refused_with_the_node_and_both_hashes():
    text = presence(code="b" * 16).refusal(CODE, installed())
    for part in ("the same version of neurosweep", "a" * 16, "gpu-3 (10.0.0.3) has " + "b" * 16):
        assert part in text


@pytest.mark.parametrize("name", ["python", "ray", "tensorflow", "keras"])
def test_another_version_of_what_decides_the_figures_is_refused(name):
    there = {**installed(), name: "1.2.3"}
    text = presence(versions=there).refusal(CODE, installed())
    assert f"{name} 1.2.3 (the driver has {installed()[name]})" in text
    assert "gpu-3 (10.0.0.3)" in text
    assert "constraints.txt" in text


def test_a_node_without_a_package_differs():
    there = installed()
    del there["tensorflow"]
    assert "tensorflow none" in explain_versions(installed(), node="x", own=there)


def test_a_node_that_has_no_neurosweep_is_refused_with_the_reason():
    text = presence(code=None, trouble="ImportError: no").refusal(CODE, installed())
    assert "gpu-3 (10.0.0.3) cannot import neurosweep: ImportError: no" in text


@pytest.mark.parametrize(
    ("clock", "asked", "came", "says"),
    [
        (1000 + 3600, 1000, 1000, "3600 s ahead of"),
        (1000 - 3600, 1000, 1000, "3600 s behind"),
        (1000 + 3600, 1000, 1004, "3598 s ahead of"),  # half of the way there and back is not it
        (1059, 1000, 1000, None),
        (1000 + 65, 1000, 1020, None),  # it may have read its clock just before the answer came
        (1000 + 85, 1000, 1020, "75 s ahead of"),
        (1000 - 59, 1000, 1020, None),
    ],
)
def test_a_clock_that_is_off_by_more_than_a_minute_is_told(clock, asked, came, says):
    told = presence(clock=clock, asked=asked, came=came).note()
    if says is None:
        assert told is None
    else:
        assert told.startswith(f"the clock of gpu-3 (10.0.0.3) is {says} this machine's")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"code": "0" * 16}, "the same version of neurosweep"),
        ({"versions": {**installed(), "keras": "2.0"}}, "10.0.0.3 has keras"),
    ],
)
def test_a_worker_compares_itself_with_the_driver_when_it_starts(monkeypatch, changes, says):
    monkeypatch.setattr(worker, "this_node", lambda: {"NodeManagerAddress": "10.0.0.3"})
    mismatch = WorkerSettings(source=None, runtime=Runtime(threads=1), **changes).mismatch()
    assert mismatch is None if says is None else says in mismatch
    assert WorkerSettings(source=None, runtime=Runtime(threads=1)).code == code_hash()
