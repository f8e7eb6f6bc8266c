"""What every trial is trained under: measured, unless the experiment says all of it."""

import pytest
from doubles import SpyDisplay, plan

import search.stages.measure as stage
from search.runs.run_directory import RunDirectory
from search.stages.measure import choose_runtime
from trainables import Runtime

EXPERIMENT = "families: {{plain_cnn: {{}}}}\ndata: {{image_size: 32}}\nresources: {resources}"
MEASURED = {
    "device": "cpu",
    "precision": "mixed_bfloat16",
    "fused_batch_norm": True,
    "images_per_second": {"float32": 10.0},
    "cached": False,
}


class Worker:
    """Remembers the tasks it was given."""

    tasks: list[str] = []  # noqa: RUF012 - one list for the one worker of a test

    def __init__(self, *_, **__):
        Worker.tasks = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, task, payload):
        Worker.tasks.append(task)
        return [] if task == "prepare" else dict.fromkeys(payload["image_sizes"], MEASURED)


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "StageWorkers", Worker)

    def choose(resources):
        of = plan(EXPERIMENT.format(resources=resources))
        with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
            runtime = choose_runtime(run, of, None, {"CPU": 2.0, "GPU": 0.0}, SpyDisplay())
            assert run.info["runtime"] == runtime.record()
        return runtime, Worker.tasks

    return choose


def test_what_is_left_open_is_measured(chosen):
    runtime, tasks = chosen("{fused_batch_norm: false}")
    assert tasks == ["prepare", "measure"]
    assert runtime == Runtime(threads=2, precision="mixed_bfloat16", fused_batch_norm=False)


def test_an_experiment_that_leaves_nothing_open_is_not_measured(chosen):
    runtime, tasks = chosen("{precision: float32, fused_batch_norm: true}")
    assert tasks == ["prepare"]
    assert runtime == Runtime(threads=2, precision="float32", fused_batch_norm=True)


@pytest.mark.parametrize(
    ("families", "fine_tune", "tasks"),
    [
        ("transfer: {}", "false", ["prepare"]),
        ("transfer: {}", "true", ["prepare", "measure"]),
        ("transfer: {}, plain_cnn: {}", "false", ["prepare", "measure"]),
    ],
)
def test_where_only_heads_are_trained_nothing_is_measured(
    families, fine_tune, tasks, tmp_path, monkeypatch
):
    monkeypatch.setattr(stage, "StageWorkers", Worker)
    of = plan(f"families: {{{families}}}\nfinal: {{fine_tune: {fine_tune}}}")
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
        runtime = choose_runtime(run, of, None, {"CPU": 2.0, "GPU": 0.0}, SpyDisplay())
    assert Worker.tasks == tasks
    is_measured = "measure" in tasks
    assert runtime.precision == ("mixed_bfloat16" if is_measured else "float32")
    assert runtime.fused_batch_norm is is_measured
