"""The choice of precision stands in run.yaml and is told, with where it comes from."""

import pyarrow as pa
import pytest
from stage_doubles import stage_run

from search.stages import measure
from trainables import Runtime

FIGURES = {
    "device": "cpu",
    "images_per_second": {"float32": 100.0, "mixed_bfloat16+fused_batch_norm": 250.0},
    "precision": "mixed_bfloat16",
    "fused_batch_norm": True,
}


class FakeWorkers:
    """Stands in for a worker: remembers its tasks, measures what it was made to."""

    def __init__(self, cached):
        self.cached = cached
        self.tasks = []

    def __call__(self, runtime, resources, **_):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def run(self, task, payload):
        self.tasks.append(task)
        return {**FIGURES, "cached": self.cached} if task == "measure" else None


@pytest.fixture
def run(tmp_path):
    return stage_run(tmp_path / "run", split=pa.table({"part": ["train"]}))


def choose(run, monkeypatch, *, cached):
    workers = FakeWorkers(cached)
    monkeypatch.setattr(measure, "StageWorkers", workers)
    runtime = measure.choose_runtime(
        run.directory, run.plan, run.source, run.resources, run.display
    )
    return runtime, workers.tasks, [text for kind, text in run.display.told if kind == "note"]


def test_a_fresh_choice_is_told_and_written(run, monkeypatch):
    runtime, tasks, notes = choose(run, monkeypatch, cached=False)
    assert tasks == ["prepare", "measure"]
    assert runtime == Runtime(threads=1, precision="mixed_bfloat16", fused_batch_norm=True)
    assert run.directory.info["measured"]["cached"] is False
    assert notes == ["training steps in mixed_bfloat16+fused_batch_norm, 2.50 x float32, measured"]


def test_a_remembered_choice_is_called_so(run, monkeypatch):
    _, _, notes = choose(run, monkeypatch, cached=True)
    assert run.directory.info["measured"]["cached"] is True
    assert notes[0].endswith("measured by an earlier run; `neurosweep cache clear` forgets it")


def test_a_resumed_run_keeps_its_choice(run, monkeypatch):
    first, _, _ = choose(run, monkeypatch, cached=False)
    second, tasks, _ = choose(run, monkeypatch, cached=True)
    assert second == first
    assert tasks == ["prepare"]
