"""A running trial as the books know it, and the record that is made of it when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import Origin, Stage, Status, TrialRecord
from search.books.assignment import Assignment
from search.objective import Aim
from search.studies.suggestion import trial_id_of
from trainables import EpochRecord
from trainables.runtime import recorded_runtime

__all__ = [
    "RecordMaker",
    "RunningTrial",
    "Score",
    "best_epoch",
    "figures_of",
    "first_line",
    "judged",
    "parts_of",
]

Score = Callable[[NDArray[np.float32]], Mapping[str, Any]]
"""Turns validation probabilities (images, classes) into fields of a record."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class RunningTrial:
    """A trial that was handed out and has not ended.

    Attributes:
        assignment: What was handed out.
        started_at: ISO 8601 time, UTC.
        epochs: Those it has trained.
        best: Its best score so far; higher is better.
        stop_detail: Why the scheduler stops it, once it does.
        memory_detail: Why it goes through its batches in parts, if it does.
        worker: Host and process, as HOST/PID, that its last epoch ran on.
    """

    assignment: Assignment
    started_at: str = field(default_factory=_now)
    epochs: list[EpochRecord] = field(default_factory=list)
    best: float = -math.inf
    stop_detail: str | None = None
    memory_detail: str | None = None
    worker: str | None = None

    @property
    def node(self) -> str | None:
        """The host that its last epoch ran on."""
        return None if self.worker is None else self.worker.rpartition("/")[0]

    def split_batches(self, parts: int, why: str) -> None:
        """Has its recipe say that it goes through each batch in so many parts."""
        recipe = replace(self.assignment.recipe, accumulation=parts)
        self.assignment = replace(self.assignment, recipe=recipe)
        self.memory_detail = f"trained in {parts} parts of each batch: {why}"

    @property
    def trial_id(self) -> str:
        """The trial's name in files and tables."""
        return self.assignment.trial_id

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return self.assignment.suggestion.number

    @property
    def seconds(self) -> float:
        """Seconds of its epochs so far."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def total(self, name: str) -> float | None:
        """Sum of what the first epoch of each sitting alone tells; None if none did."""
        known = [float(e[name]) for e in self.epochs if name in e]  # type: ignore[literal-required]
        return sum(known) if known else None


def first_line(text: str) -> str:
    """The first line of a message that may have several."""
    return text.strip().partition("\n")[0]


def best_epoch(epochs: list[EpochRecord], aim: Aim) -> EpochRecord:
    """Returns the epoch whose weights are kept: the best score, then the other, then the first."""

    def order(epoch: EpochRecord) -> tuple[float, ...]:
        accuracy, loss = -epoch["val_accuracy"], epoch["val_loss"]
        first = (accuracy, loss) if aim.epoch_figure == "val_accuracy" else (loss, accuracy)
        return (*first, epoch["epoch"])

    return min(epochs, key=order)


def parts_of(accumulation: int) -> int | None:
    """The parts of each batch as a record has them: None where batches were trained whole."""
    return accumulation if accumulation > 1 else None


def figures_of(record: TrialRecord) -> dict[str, float | None]:
    """What may be aimed at, by the names that experiments use."""
    return {
        "val_accuracy": record.val_accuracy,
        "val_loss": record.val_loss,
        "missed_positives": record.val_missed_positives,
        "latency_ms": record.latency_ms,
        "parameters": record.parameters,
    }


def judged(record: TrialRecord, aim: Aim) -> TrialRecord:
    """The record with its verdict on the constraints, where there are any."""
    if not aim.constraints:
        return record
    broken = aim.broken(figures_of(record))
    return replace(record, feasible=not broken, stop_detail=_joined(record.stop_detail, *broken))


def _joined(*details: str | None) -> str | None:
    """Several details as one text; None where there is none."""
    return "; ".join(one for one in details if one) or None


class RecordMaker:
    """Turns what a trial came to into its record."""

    def __init__(self, facts: Mapping[str, Any], aim: Aim, score: Score | None = None) -> None:
        """Keeps what all records have in common.

        Args:
            facts: data_fingerprint, synthetic, runtime, split.
            aim: Objectives and constraints.
            score: Scores validation probabilities; None where their labels are not known.
        """
        self._facts = facts
        self._aim = aim
        self._score = score

    def completed(self, trial: RunningTrial, result: Mapping[str, Any]) -> TrialRecord:
        """A trial that ran to its own end, or was stopped in order when the time was over."""
        stopped = result["stop_reason"] == "stopped"
        figures = {
            name: result.get(name)
            for name in ("val_accuracy", "val_loss", "epochs", "kept_epoch", "seconds")
        }
        return judged(
            self._record(
                trial,
                status=Status.COMPLETED,
                stop_reason="budget" if stopped else result["stop_reason"],
                parameters=int(result["parameters"]),
                latency_ms=result.get("latency_ms"),
                **({} if self._score is None else self._score(result["validation_probabilities"])),
                **figures,
            ),
            self._aim,
        )

    def pruned(self, trial: RunningTrial, *, reason: str = "scheduler") -> TrialRecord:
        """A trial that was stopped after some epochs, by the scheduler unless it is said."""
        kept = best_epoch(trial.epochs, self._aim)
        return self._record(
            trial,
            status=Status.PRUNED,
            stop_reason=reason,
            stop_detail=trial.stop_detail,
            val_accuracy=kept["val_accuracy"],
            val_loss=kept["val_loss"],
            epochs=len(trial.epochs),
            kept_epoch=kept["epoch"],
            seconds=trial.seconds,
        )

    def infeasible(self, trial: RunningTrial, parameters: int) -> TrialRecord:
        """A trial whose model was too large to be trained at all."""
        return judged(
            self._record(
                trial,
                status=Status.PRUNED,
                stop_reason="constraint",
                parameters=parameters,
                epochs=0,
                seconds=0.0,
            ),
            self._aim,
        )

    def broken_off(self, trial: RunningTrial, why: str) -> TrialRecord:
        """A trial that the budget ended without a result; its whole epochs count, if it has any."""
        if trial.epochs:
            return replace(self.pruned(trial, reason="budget"), stop_detail=why)
        return self._record(
            trial,
            status=Status.PRUNED,
            stop_reason="budget",
            stop_detail=why,
            epochs=0,
            seconds=0.0,
        )

    def failed(self, trial: RunningTrial, failure: Mapping[str, Any]) -> TrialRecord:
        """A trial that crashed, diverged or lost its worker."""
        kind, message = failure.get("kind", "TrialError"), failure.get("message", "")
        return self._record(
            trial,
            status=Status.FAILED,
            stop_reason=kind,
            epochs=len(trial.epochs),
            seconds=trial.seconds,
            error=first_line(f"{kind}: {message}"),
        )

    def _record(
        self, trial: RunningTrial, *, stop_detail: str | None = None, **figures: Any
    ) -> TrialRecord:
        suggestion, recipe = trial.assignment.suggestion, trial.assignment.recipe
        backbone = suggestion.configuration.get("transfer/backbone")
        repeated = suggestion.repeat_of
        runtime = recorded_runtime(self._facts["runtime"], recipe.family)
        return TrialRecord(
            trial_id=suggestion.trial_id,
            stage=Stage.SEARCH,
            origin=Origin(suggestion.origin),
            family=recipe.family,
            backbone=None if backbone is None else str(backbone),
            weights=recipe.weights,
            weights_hash=recipe.weights_hash or None,
            preprocessing=None if backbone is None else recipe.preprocessing,
            hyperparameters=dict(recipe.configuration),
            seed=recipe.seed,
            epochs_allowed=recipe.epochs,
            image_size=recipe.task.image_size,
            parent_id=None if repeated is None else trial_id_of(repeated),
            started_at=trial.started_at,
            finished_at=_now(),
            setup_seconds=trial.total("setup_seconds"),
            tracing_seconds=trial.total("tracing_seconds"),
            accumulation=parts_of(recipe.accumulation),
            node=trial.node,
            worker=trial.worker,
            stop_detail=_joined(stop_detail, trial.memory_detail),
            **{**self._facts, "runtime": runtime, **figures},
        )
