"""The choice of precision stands in run.yaml and is told, with where it comes from."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from doubles import plan
from stage_doubles import stage_run

from neurosweep.errors import NeurosweepError
from search.stages import measure
from search.stages.context import losing
from trainables import Runtime

FIGURES = {
    "device": "cpu",
    "images_per_second": {"float32": 100.0, "mixed_bfloat16+fused_batch_norm": 250.0},
    "precision": "mixed_bfloat16",
    "fused_batch_norm": True,
}
OTHER = {
    "device": "cpu",
    "images_per_second": {"float32": 100.0, "mixed_bfloat16": 110.0},
    "precision": "float32",
    "fused_batch_norm": False,
}
GPU = {"CPU": 1.0, "GPU": 0.5}


BUILT = {"node": "10.0.0.1", "node_id": "a", "size": 32, "color": "grey", "seconds": 0.1}


class FakeWorkers:
    """Stands in for a worker: remembers its tasks, measures what it was made to."""

    def __init__(self, cached, figures):
        self.cached, self.figures = cached, figures
        self.tasks, self.asked, self.started = [], None, None

    def __call__(self, runtime, resources, *, lost=None, **_):
        self.started, self.lost = runtime, lost
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def run(self, task, payload):
        self.tasks.append(task)
        if task != "measure":
            return [BUILT]
        self.asked = payload
        found = (self.figures.get(family, FIGURES) for family in payload["image_sizes"])
        told = [{**figures, "cached": self.cached} for figures in found]
        return dict(zip(payload["image_sizes"], told, strict=True))


@pytest.fixture
def run(tmp_path):
    return stage_run(tmp_path / "run", split=pa.table({"part": ["train"]}))


def choose(run, monkeypatch, *, cached=False, **figures):
    workers = FakeWorkers(cached, figures)
    monkeypatch.setattr(measure, "StageWorkers", workers)
    runtime = measure.choose_runtime(
        run.directory, run.plan, run.source, run.resources, run.display
    )
    return runtime, workers, [text for kind, text in run.display.told if kind == "note"]


def test_a_fresh_choice_is_told_and_written(run, monkeypatch):
    runtime, workers, notes = choose(run, monkeypatch)
    assert workers.tasks == ["prepare", "measure"]
    assert runtime == Runtime(threads=1, precision="mixed_bfloat16", fused_batch_norm=True)
    assert run.directory.info["measured"]["families"]["mini_resnet"]["cached"] is False
    assert notes == [
        "training steps of mini_resnet in mixed_bfloat16+fused_batch_norm, 2.50 x float32, measured"
    ]


def test_a_worker_that_is_lost_is_counted_and_told(run, monkeypatch):
    class Losing(FakeWorkers):
        def run(self, task, payload):
            if task == "measure":
                self.lost("its node is gone\nTraceback: here")
            return super().run(task, payload)

    monkeypatch.setattr(measure, "StageWorkers", Losing(False, {}))
    with run.budget.held.holding("measure", "measure"):
        measure.choose_runtime(
            run.directory,
            run.plan,
            run.source,
            run.resources,
            run.display,
            lost=losing(run.budget, "measure", run.display),
        )
    assert run.budget.held.by_stage()["measure"].lost == 1
    notes = [text for kind, text in run.display.told if kind == "note"]
    assert notes[0] == "measure: the worker was lost and is replaced: its node is gone"


def test_a_remembered_choice_is_called_so(run, monkeypatch):
    _, _, notes = choose(run, monkeypatch, cached=True)
    assert run.directory.info["measured"]["families"]["mini_resnet"]["cached"] is True
    assert notes[0].endswith("measured by an earlier run; `neurosweep cache clear` forgets it")


def test_a_resumed_run_keeps_its_choice(run, monkeypatch):
    first, _, _ = choose(run, monkeypatch)
    second, workers, _ = choose(run, monkeypatch, cached=True)
    assert second == first
    assert workers.tasks == ["prepare"]
    assert run.directory.info["decoded"] == [BUILT, BUILT]  # of both sittings


def nobody(*_, **__):
    raise AssertionError("no worker is needed")


def on_this_machine(run, monkeypatch, built):
    """The choice where trials run on this machine alone, and no worker may be started."""
    monkeypatch.setattr(measure, "StageWorkers", nobody)
    monkeypatch.setattr(measure, "whereabouts", lambda: {"node": "10.0.0.1", "node_id": "a"})
    asked = []

    def build(source, sizes):
        asked.append((source, sizes))
        return built

    monkeypatch.setattr(measure.scans, "build_caches", build)
    runtime = measure.choose_runtime(
        run.directory, run.plan, run.source, run.resources, run.display, here=True
    )
    return runtime, asked


def test_on_this_machine_no_worker_starts_where_nothing_is_left_to_measure(run, monkeypatch):
    settled = experiment(
        run,
        "families: {mini_vgg: {}}\nresources: {precision: float32, fused_batch_norm: true}",
    )
    built = [{"size": 150, "color": "grey", "seconds": 0.1}]
    runtime, asked = on_this_machine(settled, monkeypatch, built)
    assert runtime == Runtime(threads=1, fused_batch_norm=True)
    assert asked == [(run.source, [(150, "grey")])]
    entry = {"node": "10.0.0.1", "node_id": "a", "size": 150, "color": "grey", "seconds": 0.1}
    assert run.directory.info["decoded"] == [entry]


def test_a_resumed_run_on_this_machine_starts_no_worker_for_what_it_knows(run, monkeypatch):
    first, _, _ = choose(run, monkeypatch)
    second, _ = on_this_machine(run, monkeypatch, [])
    assert second == first


def test_on_this_machine_a_worker_measures_what_was_not_settled(run, monkeypatch):
    monkeypatch.setattr(measure, "StageWorkers", nobody)
    with pytest.raises(AssertionError, match="no worker"):
        measure.choose_runtime(
            run.directory, run.plan, run.source, run.resources, run.display, here=True
        )


def experiment(run, text):
    return replace(run, plan=plan(f"name: x\nsearch: {{trials: 4, papers: false}}\n{text}"))


def test_each_family_has_what_trains_it_fastest_and_a_resumed_run_the_same(run, monkeypatch):
    several = experiment(run, "families: {mini_vgg: {}, mini_resnet: {}, transfer: {}}")
    runtime, workers, notes = choose(several, monkeypatch, mini_vgg=OTHER, transfer=OTHER)
    sizes = workers.asked["image_sizes"]
    assert sizes == {"mini_vgg": 150, "mini_resnet": 150, "transfer": 224}
    assert runtime.of("mini_resnet") == Runtime(
        threads=1, precision="mixed_bfloat16", fused_batch_norm=True
    )
    assert runtime.of("mini_vgg") == runtime.of("transfer") == Runtime(threads=1)
    assert [note.partition(",")[0] for note in notes] == [
        "training steps of mini_vgg in float32",
        "training steps of mini_resnet in mixed_bfloat16+fused_batch_norm",
        "training steps of fine-tuning in float32",
    ]
    assert json.loads(json.dumps(run.directory.info["runtime"]))["families"] == {
        "mini_resnet": {"precision": "mixed_bfloat16", "fused_batch_norm": True}
    }
    assert choose(several, monkeypatch)[0] == runtime


def test_why_xla_is_off_on_a_cpu_stands_in_the_run(run, monkeypatch):
    runtime, workers, _ = choose(run, monkeypatch)
    assert workers.asked["with_xla"] is False
    assert not runtime.xla
    assert run.directory.info["measured"]["xla"].startswith("off: on CPUs it compiles for minutes")


def test_xla_that_is_asked_for_is_taken_whatever_was_measured(run, monkeypatch):
    asked = experiment(run, "families: {mini_vgg: {}}\nresources: {xla: true}")
    runtime, workers, _ = choose(asked, monkeypatch)
    assert workers.asked["with_xla"] is True
    assert runtime.xla
    assert not runtime.deterministic
    assert run.directory.info["runtime"]["xla"] is True
    assert "xla" not in run.directory.info["measured"]


def test_gpus_that_tensorflow_does_not_see_are_an_error(run, monkeypatch):
    with pytest.raises(NeurosweepError, match=r"was to have 0\.5 GPUs, but TensorFlow sees none"):
        choose(replace(run, resources=GPU), monkeypatch)
    assert "runtime" not in run.directory.info


def test_on_a_gpu_what_xla_gains_counts_and_determinism_has_to_be_asked_for(run, monkeypatch):
    fast = {
        "device": "gpu",
        "images_per_second": {"float32": 100.0, "mixed_float16+xla": 300.0},
        "precision": "mixed_float16",
        "fused_batch_norm": False,
        "xla": True,
    }
    runtime, workers, _ = choose(replace(run, resources=GPU), monkeypatch, mini_resnet=fast)
    assert runtime == Runtime(threads=1, precision="mixed_float16", xla=True, deterministic=False)
    assert workers.started == Runtime(threads=1, deterministic=False)
    assert workers.asked["with_xla"] is True
    assert "xla" not in run.directory.info["measured"]


def test_under_determinism_xla_is_not_measured_and_the_run_says_why(run, monkeypatch):
    asked = experiment(run, "families: {mini_vgg: {}}\nresources: {deterministic: true}")
    figures = {**OTHER, "device": "gpu"}
    _, workers, _ = choose(replace(asked, resources=GPU), monkeypatch, mini_vgg=figures)
    assert workers.asked["with_xla"] is False
    assert "deterministic" in run.directory.info["measured"]["xla"]


def test_a_run_of_an_earlier_version_goes_on_with_its_choice(run, monkeypatch):
    earlier = {
        "threads": 1,
        "precision": "mixed_bfloat16",
        "deterministic": True,
        "fused_batch_norm": True,
    }
    run.directory.update(runtime=earlier)
    runtime, _, _ = choose(run, monkeypatch)
    assert runtime == Runtime(**earlier)
    assert runtime.record() == earlier
