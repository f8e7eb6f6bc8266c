"""TensorBoard and MLflow are written as they read themselves, and never hold up a search."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from display_samples import record
from doubles import epoch, plan

from neurosweep.errors import ExperimentError
from reports import Status
from search.experiment_file import parse_experiment, resume_experiment
from search.runs.run_directory import RunDirectory
from search.sinks import check_sinks, open_sinks
from search.sinks import in_background as background
from search.sinks.in_background import BackgroundSink

# MLflow's tables use an option that SQLAlchemy 2.1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

CONFIGURATION = {
    "family": "plain_cnn",
    "plain_cnn/filters_1": 32,
    "training/learning_rate": 0.003,
    "training/augmentation": True,
}
BEGAN = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def run(tmp_path):
    info = {"name": "brains", "began": BEGAN}
    with RunDirectory.create(tmp_path / "it's a run", info) as opened:
        yield opened


def tell(run, name, *, cut_short=False):
    """Tells a sink of one completed, one pruned and one failed trial."""
    notes: list[str] = []
    with open_sinks([name], run, notes.append) as (sink,):
        for number in range(3):
            trial = f"t{number:04d}"
            sink.started(trial, CONFIGURATION, "")
            for one in (1, 2):
                sink.epoch(trial, epoch(one, 0.4 + one / 10, loss=1 / one), 5, "node/1")
        if cut_short:
            return notes
        sink.ended(record(0, Status.COMPLETED, 0.6, "finished", val_loss=0.5, epochs=2))
        sink.ended(record(1, Status.PRUNED, 0.6, "scheduler", epochs=2, stop_detail="too low"))
        sink.ended(record(2, Status.FAILED, None, "ValueError", epochs=2, error="ValueError: no"))
    return notes


def test_tensorboard_reads_back_epochs_hyperparameters_and_ends(run):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra `tensorboard` is not installed",
    )
    assert tell(run, "tensorboard") == []
    found = {}
    for number in range(3):
        reader = accumulator.EventAccumulator(str(run.path / "tensorboard" / f"t{number:04d}"))
        found[number] = reader.Reload()
    curve = found[0].Scalars("val_accuracy")
    assert [(one.step, round(one.value, 4)) for one in curve] == [(1, 0.5), (2, 0.6)]
    assert {"loss", "accuracy", "val_loss", "learning_rate"} <= set(found[0].Tags()["scalars"])
    assert [round(one.value, 4) for one in found[0].Scalars("final/val_accuracy")] == [0.6]
    assert "final/val_accuracy" not in found[2].Tags()["scalars"]
    said = found[2].Tensors("status/text_summary")[0].tensor_proto.string_val[0]
    assert said == b"failed: ValueError: no"
    assert _hyperparameters(found[0]) == {
        "family": "plain_cnn",
        "plain_cnn/filters_1": 32.0,
        "training/learning_rate": 0.003,
        "training/augmentation": True,
    }


def _hyperparameters(reader) -> dict[str, object]:
    from tensorboard.plugins.hparams import plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData()
    data.ParseFromString(reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    return {
        name: getattr(value, str(value.WhichOneof("kind")))
        for name, value in data.session_start_info.hparams.items()
    }


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setattr(background, "_CLOSING_LIMIT", 250.0)  # its tables take seconds to make
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """A database with MLflow's tables and nothing in them, to copy: making them takes seconds."""
    mlflow = pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


def runs_of(mlflow, address, name="brains"):
    client = mlflow.MlflowClient(tracking_uri=address)
    experiment = client.get_experiment_by_name(name)
    found = client.search_runs([experiment.experiment_id])
    return client, {one.info.run_name: one for one in found}


def test_mlflow_reads_back_a_search_with_its_trials(run, mlflow, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert tell(run, "mlflow") == []
    client, found = runs_of(mlflow, f"sqlite:///{run.path / 'mlflow.db'}")
    assert {name: one.info.status for name, one in found.items()} == {
        "it's a run": "FINISHED",
        "t0000": "FINISHED",
        "t0001": "KILLED",
        "t0002": "FAILED",
    }
    first = found["t0000"]
    assert first.data.tags["mlflow.parentRunId"] == found["it's a run"].info.run_id
    assert first.data.params["training/learning_rate"] == "0.003"
    assert first.data.metrics["final/val_accuracy"] == 0.6
    curve = client.get_metric_history(first.info.run_id, "val_accuracy")
    assert [(one.step, round(one.value, 4)) for one in curve] == [(1, 0.5), (2, 0.6)]
    assert found["t0002"].data.tags["neurosweep.error"] == "ValueError: no"
    assert not list((tmp_path / "here").iterdir())


def test_a_resumed_search_goes_on_with_its_runs_in_mlflow(run, mlflow, tables):
    shutil.copy(tables, run.path / "mlflow.db")
    tell(run, "mlflow", cut_short=True)
    address = f"sqlite:///{run.path / 'mlflow.db'}"
    _, before = runs_of(mlflow, address)
    assert {one.info.status for name, one in before.items() if name[0] == "t"} == {"KILLED"}
    tell(run, "mlflow")
    _, after = runs_of(mlflow, address)
    ids = {name: one.info.run_id for name, one in before.items()}
    assert {name: one.info.run_id for name, one in after.items()} == ids
    assert after["t0000"].info.status == "FINISHED"


def test_mlflow_writes_where_the_environment_says(run, mlflow, tables, monkeypatch, tmp_path):
    shutil.copy(tables, tmp_path / "elsewhere.db")
    address = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.chdir(tmp_path)
    assert tell(run, "mlflow") == []
    assert len(runs_of(mlflow, address)[1]) == 4
    assert not (run.path / "mlflow.db").exists()


def test_mlflow_reports_no_use_to_its_makers(mlflow):
    code = (
        "import os\nimport search.sinks.mlflow\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\nprint(is_telemetry_disabled())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "True"


class Broken:
    """A sink that fails whatever it is told."""

    def __getattr__(self, name):
        def fail(*_):
            raise OSError(f"no space left for {name}\nat all")

        return fail


def told_of_three_epochs(sink):
    sink.started("t0000", CONFIGURATION, "")
    for one in (1, 2, 3):
        sink.epoch("t0000", epoch(one, 0.5), 5)


def test_a_sink_that_fails_ends_nothing_and_is_noted_once():
    notes = []
    with BackgroundSink("mlflow", Broken, notes.append) as sink:
        told_of_three_epochs(sink)
    assert notes == [
        "mlflow could not be written, the search goes on: OSError: no space left for started",
        "5 changes of trials are missing in mlflow",
    ]


def test_a_sink_that_cannot_be_opened_is_noted():
    def refused():
        raise ConnectionError("no server")

    notes = []
    with BackgroundSink("mlflow", refused, notes.append) as sink:
        told_of_three_epochs(sink)
    assert notes[0].endswith("ConnectionError: no server")
    assert notes[1].startswith("4 changes")


def test_a_failure_is_noted_by_the_thread_that_tells():
    tried, by = threading.Event(), []

    class Once(Broken):
        def started(self, *_):
            try:
                raise OSError("gone")
            finally:
                tried.set()

    sink = BackgroundSink("x", Once, lambda _: by.append(threading.current_thread()))
    with sink:
        sink.started("t0000", CONFIGURATION, "")
        assert tried.wait(30)
    assert set(by) == {threading.current_thread()}


def test_a_sink_that_hangs_holds_up_neither_the_search_nor_its_end(monkeypatch):
    monkeypatch.setattr(background, "_CLOSING_LIMIT", 0.2)
    monkeypatch.setattr(background, "_MOST_WAITING", 2)
    released, notes = threading.Event(), []

    class Hangs(Broken):
        def started(self, *_):
            released.wait(60)

    with BackgroundSink("mlflow", Hangs, notes.append) as sink:
        told_of_three_epochs(sink)
    released.set()
    assert "it did not answer for 0.2 seconds" in notes[0]
    assert notes[1].endswith("changes of trials are missing in mlflow")


def test_a_missing_package_is_told_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    check_sinks([])
    with pytest.raises(ExperimentError, match=r"-e '\.\[tensorboard\]'"):
        check_sinks(["tensorboard"])


def test_an_experiment_names_its_sinks_and_a_resumed_run_may_change_them():
    chosen = parse_experiment("search: {sinks: [mlflow, tensorboard]}", source="x").search.sinks
    assert chosen == ("mlflow", "tensorboard")
    assert plan().experiment.search.sinks == ()
    with pytest.raises(ExperimentError, match="search.sinks"):
        parse_experiment("search: {sinks: [wandb]}", source="x")
    changed = resume_experiment(plan().experiment, ["search.sinks=[mlflow]"])
    assert changed.search.sinks == ("mlflow",)


def test_no_sink_loads_nothing():
    code = (
        "import sys, search.sinks\n"
        "print([m for m in ('mlflow', 'tensorboardX') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
