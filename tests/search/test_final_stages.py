"""The stages after the search: on which worker fine-tuning runs."""

from contextlib import contextmanager
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


def test_finalists_are_repeated_before_folds_and_before_the_test_set(run, monkeypatch):
    done = []

    @contextmanager
    def hired(*_):
        yield None

    monkeypatch.setattr(conducting, "for_fine_tuning", lambda *_: None)
    monkeypatch.setattr(context.Run, "hired", hired)
    for name in ("fine_tune", "repeat", "cross_validate", "ensemble", "evaluate"):
        monkeypatch.setattr(conducting, name, lambda *_, name=name: done.append(name))
    text = EXPERIMENT.replace("32}", "32, folds: 2}").replace(
        "tune: false}", "tune: true, repeats: 3}"
    )
    conducting._finish(replace(run, plan=plan(text)), Capacity(cpus=2, gpus=0))
    assert done == ["fine_tune", "repeat", "cross_validate", "ensemble", "evaluate"]
    stages = [text for kind, text in run.display.told if kind == "stage"]
    assert stages == [*done, "publish"]


def test_the_budget_of_an_experiment_keeps_something_for_seeds_and_for_folds():
    asked = plan(EXPERIMENT.replace("trials: 4", "time_budget: 1000s")).experiment
    seeds = asked.model_copy(update={"final": asked.final.model_copy(update={"repeats": 3})})
    folds = asked.model_copy(update={"data": asked.data.model_copy(update={"folds": 3})})
    reserves = [conducting._budget(one).reserve for one in (asked, seeds, folds)]
    assert reserves == [pytest.approx(120), pytest.approx(220), pytest.approx(270)]


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
