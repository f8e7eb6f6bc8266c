"""TensorBoard: a folder of event files per trial, `tensorboard --logdir RUN/tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from reports import TrialRecord
from search.sinks.protocol import final_figures, scalars_of
from trainables import EpochRecord

__all__ = ["TensorBoardSink"]

_FLUSH_EVERY = 10  # seconds

_COMPARED = {"final/val_accuracy": 0.0, "final/val_loss": 0.0}
"""Figures that the table of hyperparameters compares; their values come when a trial ends."""


class TensorBoardSink:
    """Writes event files below a folder; a trial that begins again adds a file to its folder."""

    def __init__(self, folder: Path) -> None:
        """Writes below `folder`, which is made when it is needed."""
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    def started(self, trial_id: str, configuration: Mapping[str, object]) -> None:
        """Opens the trial's writer and writes its hyperparameters."""
        self._close(trial_id)
        writer = SummaryWriter(str(self._folder / trial_id), flush_secs=_FLUSH_EVERY)
        self._writers[trial_id] = writer
        experiment, session, _ = hparams(dict(configuration), _COMPARED)
        for summary in (experiment, session):
            writer.file_writer.add_summary(summary)

    def epoch(self, trial_id: str, epoch: EpochRecord) -> None:
        """Writes the epoch's figures."""
        writer = self._writers[trial_id]
        for name, value in scalars_of(epoch).items():
            writer.add_scalar(name, value, epoch["epoch"])

    def ended(self, record: TrialRecord) -> None:
        """Writes what the trial came to and closes its writer."""
        writer = self._writers[record.trial_id]
        for name, value in final_figures(record).items():
            writer.add_scalar(name, value, record.epochs)
        reason = record.error or record.stop_detail or record.stop_reason or ""
        writer.add_text("status", f"{record.status}: {reason}", record.epochs)
        *_, end = hparams({}, {})
        writer.file_writer.add_summary(end)
        self._close(record.trial_id)

    def close(self) -> None:
        """Closes what is still open."""
        for trial_id in list(self._writers):
            self._close(trial_id)

    def _close(self, trial_id: str) -> None:
        writer = self._writers.pop(trial_id, None)
        if writer is not None:
            writer.close()
