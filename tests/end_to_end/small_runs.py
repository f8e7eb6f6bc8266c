"""Searches of trials that take about a second, and what must hold of them however they came about.

Used by tests that kill, interrupt and repeat searches.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import psutil
import pyarrow.parquet as pq
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

TRIALS = 5
EXPERIMENT = f"""
name: small
data: {{image_size: 16}}
families:
  plain_cnn: {{blocks: 3, filters: {{max: 16}}, fc_width: 64}}
training: {{epochs: 3, patience: 3, augmentation: false, learning_rate: 0.003}}
search: {{trials: {TRIALS}, papers: false, seed: 5}}
resources: {{precision: float32, fused_batch_norm: true}}
final: {{finalists: 1, ensemble: false}}
"""

_MARK = "NEUROSWEEP_TEST_DRIVER"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def searched(run: Path) -> list[dict[str, Any]]:
    return [record for record in lines(run / "trials.jsonl") if record["stage"] == "search"]


def info_of(run: Path) -> dict[str, Any]:
    path = run / "run.yaml"
    return dict(yaml.safe_load(path.read_text())) if path.exists() else {}


class Driver:
    """A search in a process of its own; all it starts can be told from everything else."""

    def __init__(self, command: list[object], *, cwd: Path, env: dict[str, str]) -> None:
        self._mark = f"{time.time_ns()}"
        self._log = cwd / f"driver-{self._mark}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env={**env, _MARK: self._mark},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def ended(self, seconds: float) -> bool:
        """Waits for its end, at most so long."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_until(self, condition: Callable[[], object], seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def kill(self) -> None:
        """Kills the driver and nothing else, with SIGKILL; what it had started ends by itself."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.nothing_is_left()

    def nothing_is_left(self, seconds: float = 180) -> None:
        """Waits for the end of all that the driver had started.

        Ray's agents wait 60 seconds for a control service that does not answer any more
        (`gcs_rpc_server_reconnect_timeout_s`) before they end; all else ends within seconds.
        """
        end = time.monotonic() + seconds
        while left := self._left():
            assert time.monotonic() < end, left
            time.sleep(0.1)

    def _left(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.environ().get(_MARK) == self._mark:
                    found.append(" ".join(process.cmdline())[:200])
            except psutil.Error:
                continue
        return found


@dataclass(frozen=True)
class SmallRuns:
    """Starts small searches, anew or where they were left."""

    command: str
    work: Path
    environment: dict[str, str]
    images: Path

    def start(self, run: Path, *options: object) -> Driver:
        """Begins a run, or resumes it where there is one."""
        experiment = self.work / "small.yaml"
        experiment.write_text(EXPERIMENT)
        begun = (run / "run.yaml").exists()
        words = ["--resume"] if begun else [experiment, "--data", self.images]
        command = [self.command, "search", *words, "--output", run, *options]
        return Driver(command, cwd=self.work, env=self.environment)

    def finish(self, run: Path, *options: object, seconds: float = 900) -> float:
        """Runs or resumes to the end; returns the seconds it took."""
        began = time.monotonic()
        driver = self.start(run, *options)
        if not driver.ended(seconds):
            os.killpg(driver.process.pid, signal.SIGKILL)
            driver.process.wait()
            raise AssertionError(f"not ended after {seconds} seconds:\n{driver.said}")
        assert driver.process.returncode == 0, driver.said
        return time.monotonic() - began


def check_whole(run: Path, like: Path, trials: int = TRIALS) -> None:
    """A finished run has exactly its trials, and each of its files says so.

    Args:
        run: The run directory.
        like: A run that nothing happened to.
        trials: The number of trials that was asked for.
    """
    assert info_of(run)["state"] == "finished"
    records = searched(run)
    names = [f"t{number:04d}" for number in range(trials)]
    assert sorted(record["trial_id"] for record in records) == names
    _check_journal(run, {record["trial_id"]: record for record in records})
    for record in records:
        epochs = lines(run / "trials" / record["trial_id"] / "epochs.jsonl")
        assert [each["epoch"] for each in epochs] == list(range(1, record["epochs"] + 1))
    assert not list(run.glob("trials/*/state.npz"))
    assert not list(run.rglob("*.partial"))
    _check_leaderboard(run, like)


def _check_journal(run: Path, records: dict[str, dict[str, Any]]) -> None:
    storage = JournalStorage(JournalFileBackend(str(run / "study.journal")))
    study = optuna.load_study(study_name="search", storage=storage)
    told = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    states = {f"t{trial.number:04d}": trial.state.name for trial in study.trials}
    assert states == {name: told[record["status"]] for name, record in records.items()}
    for trial in study.trials:
        record = records[f"t{trial.number:04d}"]
        assert list(trial.intermediate_values) == list(range(1, record["epochs"] + 1))
        if record["status"] == "completed":
            assert trial.value == record["val_accuracy"]


def _check_leaderboard(run: Path, like: Path) -> None:
    table = pq.read_table(run / "leaderboard.parquet")
    recorded = {record["trial_id"]: record for record in lines(run / "trials.jsonl")}
    # The same columns, and one for each hyperparameter that its own trials have.
    drawn = {f"hp.{name}" for one in recorded.values() for name in one["hyperparameters"]}
    unkilled = pq.read_table(like / "leaderboard.parquet").schema.names
    fixed = [name for name in unkilled if not name.startswith("hp.")]
    assert table.schema.names == [*fixed, *sorted(drawn)]
    rows = table.to_pylist()
    assert sorted(row["trial_id"] for row in rows) == sorted(recorded)
    ranks = [row["rank"] for row in rows if row["rank"] is not None]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    for row in rows:
        record = recorded[row["trial_id"]]
        for name in ("status", "family", "seed", "val_accuracy", "val_loss", "epochs"):
            assert row[name] == record[name], (row["trial_id"], name)
        assert row["val_accuracy"] is None or 0 <= row["val_accuracy"] <= 1
    assert (run / "report.html").stat().st_size > 0
    assert (run / "winner" / "model.keras").stat().st_size > 0
