"""What is told of a test run while it goes on."""

from types import SimpleNamespace

from watch import Watch


def test_a_test_that_takes_long_is_named_until_it_ends(monkeypatch):
    watch = Watch(print)
    monkeypatch.setattr("watch.time.monotonic", lambda: 100.0)
    watch.pytest_runtest_logstart("tests/test_a.py::test_b")
    assert watch.long(200.0) == []
    assert watch.long(500.0) == ["tests/test_a.py::test_b: for 400 s"]
    watch.pytest_runtest_logfinish("tests/test_a.py::test_b")
    assert watch.long(500.0) == []


def test_a_failure_is_told_at_once_and_a_pass_is_not():
    told = []
    watch = Watch(told.append)
    report = SimpleNamespace(failed=True, when="call", nodeid="a.py::b", longreprtext="E  assert 1")
    watch.pytest_runtest_logreport(report)
    watch.pytest_runtest_logreport(SimpleNamespace(failed=False, when="call"))
    assert told == ["\nFAILED in call: a.py::b\nE  assert 1"]


def test_a_test_whose_process_is_gone_is_under_way_no_more(monkeypatch):
    watch = Watch(lambda _: None)
    monkeypatch.setattr("watch.time.monotonic", lambda: 100.0)
    watch.pytest_runtest_logstart("a.py::b")
    gone = SimpleNamespace(failed=True, when="???", nodeid="a.py::b", longreprtext="worker crashed")
    watch.pytest_runtest_logreport(gone)
    assert watch.long(500.0) == []
