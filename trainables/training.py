"""The loop around `model.fit` that searching, replaying and fine-tuning share."""

from __future__ import annotations

import time
from typing import Any, Protocol

import keras
from numpy.typing import NDArray

from trainables import idle
from trainables.alive import BreakOff, beat
from trainables.bench import Score
from trainables.checkpoint import TrainingState
from trainables.progress import Limits, Progress, check_finite
from trainables.results import EpochRecord, FitResult, Report
from trainables.settings import TrainingSettings
from trainables.sitting import Sitting, restore, variables_of
from trainables.stopwatch import StepWatch

__all__ = ["EpochEnd", "Trained", "train"]


class Trained(Protocol):
    """What is trained, in the form that trains it and in the one that is measured."""

    core: keras.Model

    @property
    def parameters(self) -> int:
        """Parameters of the whole network."""

    def steps(self, settings: TrainingSettings) -> int:
        """Steps of one epoch."""

    def compile(self, settings: TrainingSettings, *, steps: int) -> keras.Model:
        """The training model, compiled for so many steps."""

    def run(
        self,
        model: keras.Model,
        callback: keras.callbacks.Callback,
        *,
        settings: TrainingSettings,
        seed: int,
        epochs: range,
    ) -> None:
        """Trains epoch after epoch, until the callback stops it."""

    def score(self) -> Score:
        """Measures the core as it is now on the validation part."""


def train(
    bench: Trained,
    report: Report,
    *,
    settings: TrainingSettings,
    limits: Limits,
    seed: int,
    sitting: Sitting | None = None,
) -> FitResult:
    """Train the bench's core as it stands, or from where a sitting goes on, to its best epoch.

    `seconds` of the result counts from here; the caller adds what it did before.

    Args:
        bench: Holds the core with its first weights, and the data.
        report: Called with each epoch's record; False ends training.
        settings: Optimiser, batch size and so on.
        limits: When training ends.
        seed: Seeds the order of the images.
        sitting: Where training goes on, and who keeps its states; None for a single sitting.

    Raises:
        DivergedError: A loss became NaN or infinite.
        StateError: The state to go on from is of another model.
        BreakOff: Whoever watches broke training off before its first epoch had ended.
    """
    started = time.perf_counter()
    sitting = sitting or Sitting()
    model = bench.compile(settings, steps=limits.epochs * bench.steps(settings))
    if sitting.earlier is not None:
        restore(model, sitting.earlier)
    progress = Progress(limits, sitting.history)
    at_end = EpochEnd(bench, progress, report, sitting, setup_seconds=idle.seconds())
    epochs = range(len(sitting.history), limits.epochs)
    try:
        bench.run(model, at_end, settings=settings, seed=seed, epochs=epochs)
    except BreakOff:
        if not progress.history:
            raise
        at_end.break_off()
    return at_end.result(seconds=time.perf_counter() - started)


class EpochEnd(keras.callbacks.Callback):  # type: ignore[misc] # Keras ships no types
    """Measures, reports and decides at the end of each epoch; keeps the best weights."""

    def __init__(
        self,
        bench: Trained,
        progress: Progress,
        report: Report,
        sitting: Sitting,
        *,
        setup_seconds: float,
    ) -> None:
        super().__init__()
        self._bench = bench
        self._progress = progress
        self._report = report
        self._epoch_start = 0.0
        self._reporting = 0.0
        self._stop_reason = ""
        self._sitting = sitting
        self._kept = _best_of(sitting.earlier, progress)
        self._setup_seconds = setup_seconds
        self._steps = StepWatch()
        self._before = len(progress.history)

    @property
    def _is_first(self) -> bool:
        """Whether no epoch of this sitting has ended yet."""
        return len(self._progress.history) == self._before

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the epoch's clock."""
        del epoch, logs
        self._epoch_start = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Start the step's clock."""
        del batch, logs
        if self._is_first:
            self._steps.begin()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Give a sign of life; give up in mid-epoch when the loss is lost."""
        del batch
        beat()
        if self._is_first:
            self._steps.end()
        if logs:
            check_finite(logs["loss"], name="loss", epoch=len(self._progress.history) + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measure the epoch, report it, and stop if that is due."""
        score = self._bench.score()
        record = self._record(epoch + 1, logs or {}, score)
        if self._progress.add(record):
            self._kept = (score, self._bench.core.get_weights())
        before = time.perf_counter()
        if self._sitting.keep is not None and self._progress.end(stopped=False) is None:
            self._sitting.keep(self._state_as_bytes)
        idle.begin()  # unless another epoch is wanted
        wanted = self._report(record)
        self._reporting += time.perf_counter() - before
        reason = self._progress.end(stopped=not wanted)
        if reason is not None:
            self._stop_reason = reason
            self.model.stop_training = True

    def break_off(self) -> None:
        """Take training for ended by its last whole epoch."""
        self._stop_reason = "stopped"

    def result(self, *, seconds: float) -> FitResult:
        """What was trained, after the last epoch; `seconds` include those of reporting."""
        score, weights = self._best()
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
            parameters=self._bench.parameters,
            setup_seconds=self._setup_seconds,
            tracing_seconds=self._steps.tracing_seconds(),
        )

    def _state_as_bytes(self) -> bytes:
        """The state after the epoch that has just ended, best epoch so far included."""
        score, weights = self._best()
        model, optimizer = variables_of(self.model)
        spent = time.perf_counter() - self._sitting.started - self._reporting
        return TrainingState(
            made_for=self._sitting.made_for,
            history=self._progress.history,
            seconds=self._sitting.seconds_before + spent,
            model=[variable.numpy() for variable in model],
            optimizer=[variable.numpy() for variable in optimizer],
            best=weights,
            probabilities=score.probabilities,
        ).to_bytes()

    def _best(self) -> tuple[Score, list[NDArray[Any]]]:
        if self._kept is None:
            raise RuntimeError("there is a best epoch after at least one; none has ended")
        return self._kept

    def _record(self, epoch: int, logs: dict[str, float], score: Score) -> EpochRecord:
        """The epoch's figures; the learning rate is the one the next step would take."""
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        record = EpochRecord(
            epoch=epoch,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            val_loss=score.loss,
            val_accuracy=score.accuracy,
            seconds=time.perf_counter() - self._epoch_start,
            # Keras holds it in float32: without the digits beyond its precision.
            learning_rate=float(f"{float(rate):.7g}"),
        )
        if self._is_first:
            record["setup_seconds"] = self._setup_seconds
            record["tracing_seconds"] = self._steps.tracing_seconds()
        return record


def _best_of(
    state: TrainingState | None, progress: Progress
) -> tuple[Score, list[NDArray[Any]]] | None:
    """The best epoch of earlier sittings."""
    if state is None:
        return None
    record = progress.history[progress.kept_epoch - 1]
    score = Score(
        probabilities=state.probabilities,
        accuracy=record["val_accuracy"],
        loss=record["val_loss"],
    )
    return score, list(state.best)
