"""What training gives back: plain records without Keras objects, so that they can travel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

__all__ = ["EpochRecord", "Evaluation", "FitResult", "Latency", "Report", "Times"]


class EpochRecord(TypedDict):
    """One epoch's figures; one line of `epochs.jsonl`.

    `epoch` counts from 1. `loss` and `accuracy` are means over the epoch's training steps
    (label smoothing included); `val_loss` is plain cross-entropy over the validation part.
    `seconds` are those of training and validation, without the time `report` took.

    The first epoch of a run also tells what came before its steps: `setup_seconds` from the end of
    the epoch trained before in this process (or from the process being ready) to the entry into
    Keras' `fit`, and `tracing_seconds`, part of `seconds`, by which the first step was longer than
    the others, because TensorFlow traced it.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    learning_rate: float
    setup_seconds: NotRequired[float]
    tracing_seconds: NotRequired[float]


Report = Callable[[EpochRecord], bool]
"""Called once per epoch; False means: stop now."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """One finished training run.

    Attributes:
        epochs: Epochs trained.
        kept_epoch: The epoch whose weights are kept, from 1.
        val_accuracy: Of the kept epoch: the best, ties broken by `val_loss`.
        val_loss: Of the kept epoch.
        stop_reason: "finished", "early_stopping" or "stopped" (by `report` or a replay).
        seconds: Whole call, without the time `report` took.
        history: One record per epoch trained.
        validation_probabilities: (n_validation, n_classes) float32, of the kept weights.
        weights: The kept weights of the core, in the order of `get_weights()`.
        parameters: Number of the core's parameters, trainable or not.
        setup_seconds: As in the first epoch's record, as are `tracing_seconds`.
        latency_ms: Median time of one image, where it was asked for.
        before_val_accuracy: Fine-tuning only: before its first step.
        before_val_loss: Fine-tuning only: before its first step.
        cache: Fine-tuning only: what the frozen part's output was kept in, "none" if it was not.
        node: Name of the host that trained it, where whoever had it trained asks for it.
    """

    epochs: int
    kept_epoch: int
    val_accuracy: float
    val_loss: float
    stop_reason: str
    seconds: float
    history: list[EpochRecord]
    validation_probabilities: NDArray[np.float32]
    weights: list[NDArray[np.generic]]
    parameters: int
    setup_seconds: float
    tracing_seconds: float
    latency_ms: float | None = None
    before_val_accuracy: float | None = None
    before_val_loss: float | None = None
    cache: str | None = None
    node: str | None = None


@dataclass(frozen=True, kw_only=True)
class Times:
    """Milliseconds of many calls with the same number of images.

    Attributes:
        median: Half of the calls took no longer.
        p95: 95 of 100 took no longer; between two calls it is interpolated.
    """

    median: float
    p95: float


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long a network takes, decoded images in, probabilities out.

    Attributes:
        one: For a single image.
        batch: For a batch of 32, as a whole.
        device: What it was measured on: a GPU's name, or the processor's with its threads.
    """

    one: Times
    batch: Times
    device: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A trained model on one part of the data.

    Attributes:
        probabilities: (n_part, n_classes) float32, rows in the order of the part.
        accuracy: Share of rows whose most probable class is the true one.
        loss: Mean cross-entropy, natural logarithm.
        latency: How long it takes, and on what.
        parameters: Number of the core's parameters.
    """

    probabilities: NDArray[np.float32]
    accuracy: float
    loss: float
    latency: Latency
    parameters: int
