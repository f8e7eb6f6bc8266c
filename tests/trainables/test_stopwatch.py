"""What a trial costs beside its steps: tracing, and the time between two trials."""

import pytest
from trainables_samples import make_dataset, make_recipe

import trainables
from trainables import idle, stopwatch
from trainables.stopwatch import StepWatch


def watched(monkeypatch, durations):
    clock = iter([reading for each in durations for reading in (10.0, 10.0 + each)])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = StepWatch()
    for _ in durations:
        watch.begin()
        watch.end()
    return watch


@pytest.mark.parametrize(
    ("durations", "tracing"),
    [([3.0, 0.5, 0.25, 0.5], 2.5), ([3.0], 3.0), ([0.25, 0.5, 0.5], 0.0)],
)
def test_tracing_is_what_the_first_step_takes_beyond_the_others(monkeypatch, durations, tracing):
    watch = watched(monkeypatch, durations)
    monkeypatch.undo()
    assert watch.tracing_seconds() == tracing


def test_a_fit_tells_them_with_its_first_epoch_and_its_result():
    traces = []
    result = trainables.fit(make_recipe(epochs=2), make_dataset(), lambda r: traces.append(r) or 1)
    first, second = traces
    assert result.setup_seconds == first["setup_seconds"] > 0
    assert result.tracing_seconds == first["tracing_seconds"] < first["seconds"]
    assert not {"setup_seconds", "tracing_seconds"} & set(second)


def test_idle_time_counts_from_the_epoch_before(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(idle.time, "perf_counter", lambda: now[0])
    idle.begin()
    now[0] += 7.0
    assert idle.seconds() == 7.0
