"""MLflow: one run per search with a nested run per trial.

They go to the server or database that MLFLOW_TRACKING_URI names, else into RUN/mlflow.db, which
`mlflow ui --backend-store-uri sqlite:///RUN/mlflow.db` shows.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from reports import Status, TrialRecord
from search.sinks.protocol import final_figures, scalars_of
from trainables import EpochRecord

# Before the import: MLflow reports its use to its makers unless it is told not to.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

__all__ = ["MlflowSink"]

_TAG_RUN, _TAG_TRIAL = "neurosweep.run", "neurosweep.trial"

_ENDS = {Status.COMPLETED: "FINISHED", Status.PRUNED: "KILLED", Status.FAILED: "FAILED"}
"""MLflow knows no pruned runs: KILLED is what it calls a run that was stopped from outside."""


class MlflowSink:
    """Writes the trials of one run directory."""

    def __init__(self, folder: Path, *, experiment: str, key: str) -> None:
        """Finds or makes the experiment and the search's run.

        Args:
            folder: The run directory.
            experiment: Name of the MLflow experiment.
            key: Names the search for good, so that a resumed one finds its runs again; letters,
                digits and `.:+_-` only.
        """
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # a terminal is being drawn on
        self._client = MlflowClient(tracking_uri=_address(folder))
        self._experiment = self._experiment_id(folder, experiment)
        self._key = key
        self._runs: dict[str, str] = {}
        self._search = self._found({}) or self._create(folder.name, {})
        self._client.update_run(self._search, status="RUNNING")

    def started(self, trial_id: str, configuration: Mapping[str, object]) -> None:
        """Opens the trial's run and writes its hyperparameters."""
        own = {_TAG_TRIAL: trial_id}
        run = self._found(own) or self._create(
            trial_id, {**own, "mlflow.parentRunId": self._search}
        )
        self._runs[trial_id] = run
        self._client.update_run(run, status="RUNNING")
        params = [Param(name, str(value)) for name, value in configuration.items()]
        self._client.log_batch(run, params=params)

    def epoch(self, trial_id: str, epoch: EpochRecord) -> None:
        """Writes the epoch's figures."""
        self._log(self._runs[trial_id], scalars_of(epoch), epoch["epoch"])

    def ended(self, record: TrialRecord) -> None:
        """Writes what the trial came to and ends its run."""
        run = self._runs[record.trial_id]
        self._log(run, final_figures(record), record.epochs)
        for name, text in (
            ("status", record.status),
            ("stop_reason", record.stop_reason),
            ("error", record.error),
        ):
            if text is not None:
                self._client.set_tag(run, f"neurosweep.{name}", text)
        self._client.set_terminated(run, status=_ENDS[record.status])
        del self._runs[record.trial_id]

    def close(self) -> None:
        """Ends the search's run, and those of trials that did not end."""
        for run in self._runs.values():
            self._client.set_terminated(run, status="KILLED")
        self._client.set_terminated(self._search, status="FINISHED")

    def _experiment_id(self, folder: Path, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        # No artifacts are written; left to itself MLflow names a folder below the current one.
        place = None if _named_address() else (folder / "mlflow-artifacts").as_uri()
        return str(self._client.create_experiment(name, artifact_location=place))

    def _found(self, tags: Mapping[str, str]) -> str | None:
        """The id of the run with our key and these tags."""
        trial = tags.get(_TAG_TRIAL, "none")
        found = self._client.search_runs(
            [self._experiment],
            f"tags.`{_TAG_RUN}` = '{self._key}' and tags.`{_TAG_TRIAL}` = '{trial}'",
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None

    def _create(self, name: str, tags: Mapping[str, str]) -> str:
        full = {_TAG_TRIAL: "none", **tags, _TAG_RUN: self._key}
        run = self._client.create_run(self._experiment, run_name=name, tags=full)
        return str(run.info.run_id)

    def _log(self, run: str, figures: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in figures.items()]
        self._client.log_batch(run, metrics=metrics)


def _named_address() -> str | None:
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def _address(folder: Path) -> str:
    return _named_address() or f"sqlite:///{folder / 'mlflow.db'}"
