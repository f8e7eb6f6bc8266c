"""The loop around `model.fit` that searching, replaying and fine-tuning share."""

from __future__ import annotations

import time
from typing import Any

import keras
from numpy.typing import NDArray

from scans import Dataset
from trainables.alive import beat
from trainables.batches import EpochBatches
from trainables.bench import Bench, Score
from trainables.progress import Limits, Progress, check_finite
from trainables.results import EpochRecord, FitResult, Report
from trainables.settings import TrainingSettings

__all__ = ["EpochEnd", "train"]


def train(
    bench: Bench,
    dataset: Dataset,
    report: Report,
    *,
    settings: TrainingSettings,
    limits: Limits,
    seed: int,
) -> FitResult:
    """Train the bench's core as it stands and give back its best epoch.

    `seconds` of the result counts from here; the caller adds what it did before.

    Args:
        bench: Holds the core with its first weights.
        dataset: Images and labels; the parts `train` and `validation` are read.
        report: Called with each epoch's record; False ends training.
        settings: Optimiser, batch size and so on.
        limits: When training ends.
        seed: Seeds the order of the images.

    Raises:
        DivergedError: A loss became NaN or infinite.
    """
    started = time.perf_counter()
    batches = EpochBatches(dataset, dataset.train, batch_size=settings.batch_size, seed=seed)
    model = bench.compile(settings, steps=limits.epochs * len(batches))
    at_end = EpochEnd(bench, Progress(limits), report)
    model.fit(batches, epochs=limits.epochs, verbose=0, shuffle=False, callbacks=[at_end])
    return at_end.result(seconds=time.perf_counter() - started)


class EpochEnd(keras.callbacks.Callback):  # type: ignore[misc] # Keras ships no types
    """Measures, reports and decides at the end of each epoch; keeps the best weights."""

    def __init__(self, bench: Bench, progress: Progress, report: Report) -> None:
        super().__init__()
        self._bench = bench
        self._progress = progress
        self._report = report
        self._epoch_start = 0.0
        self._reporting = 0.0
        self._stop_reason = ""
        self._kept: tuple[Score, list[NDArray[Any]]] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the epoch's clock."""
        del epoch, logs
        self._epoch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Give a sign of life; give up in mid-epoch when the loss is lost."""
        del batch
        beat()
        if logs:
            check_finite(logs["loss"], name="loss", epoch=len(self._progress.history) + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measure the epoch, report it, and stop if that is due."""
        score = self._bench.score()
        record = self._record(epoch + 1, logs or {}, score)
        if self._progress.add(record):
            self._kept = (score, self._bench.core.get_weights())
        before = time.perf_counter()
        wanted = self._report(record)
        self._reporting += time.perf_counter() - before
        reason = self._progress.end(stopped=not wanted)
        if reason is not None:
            self._stop_reason = reason
            self.model.stop_training = True

    def result(self, *, seconds: float) -> FitResult:
        """What was trained, after the last epoch; `seconds` include those of reporting."""
        if self._kept is None:
            raise RuntimeError("result() is called after at least one epoch; none has ended.")
        score, weights = self._kept
        return FitResult(
            epochs=len(self._progress.history),
            kept_epoch=self._progress.kept_epoch,
            val_accuracy=score.accuracy,
            val_loss=score.loss,
            stop_reason=self._stop_reason,
            seconds=seconds - self._reporting,
            history=self._progress.history,
            validation_probabilities=score.probabilities,
            weights=weights,
            parameters=int(self._bench.core.count_params()),
        )

    def _record(self, epoch: int, logs: dict[str, float], score: Score) -> EpochRecord:
        """The epoch's figures; the learning rate is the one the next step would take."""
        return EpochRecord(
            epoch=epoch,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            val_loss=score.loss,
            val_accuracy=score.accuracy,
            seconds=time.perf_counter() - self._epoch_start,
            # Keras holds it in float32: without the digits beyond its precision.
            learning_rate=float(f"{float(self.model.optimizer.learning_rate):.7g}"),
        )
