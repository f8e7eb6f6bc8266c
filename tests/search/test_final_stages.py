"""The stages after the search: on which worker fine-tuning runs."""

from dataclasses import replace

import pyarrow as pa
import pytest
from doubles import plan
from stage_doubles import EXPERIMENT, stage_run

from search import conduct as conducting
from search.stages import context
from search.workers.cluster import Capacity

OWN = {"CPU": 1.0, "GPU": 2.0}


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("ensemble", "evaluate", "explain", "publish_winner", "publish_tables"):
        monkeypatch.setattr(conducting, name, lambda *_: None)
    monkeypatch.setattr(conducting, "finalists", lambda _: [])
    monkeypatch.setattr(conducting, "for_fine_tuning", lambda *_: OWN)
    made = stage_run(tmp_path / "run", split=pa.table({"part": ["train"]}), seconds=1200.0)
    text = EXPERIMENT.replace("fine_tune: false", "fine_tune: true")
    return replace(made, plan=plan(text), resources={"CPU": 1.0, "GPU": 1.0})


@pytest.mark.parametrize(("comes", "gpus"), [(True, 2.0), (False, 1.0)])
def test_fine_tuning_has_several_gpus_where_a_node_with_them_comes_in_time(
    run, monkeypatch, comes, gpus
):
    waited, tuned = [], []

    class Workers:
        def __init__(self, runtime, resources, *_, **__):
            self.resources = resources

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def ready(self, seconds):
            waited.append(seconds)
            return comes

    monkeypatch.setattr(context, "StageWorkers", Workers)
    monkeypatch.setattr(conducting, "fine_tune", lambda _, worker: tuned.append(worker.resources))
    conducting._finish(run, Capacity(cpus=2, gpus=1))
    assert [resources["GPU"] for resources in tuned] == [gpus]
    assert waited == [pytest.approx((1200 - 48) / 2)]
    notes = [text for kind, text in run.display.told if kind == "note"]
    assert bool(notes) != comes
    assert all(note.startswith("no node with 2 GPUs had a place for fine-tuning") for note in notes)
