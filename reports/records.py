"""A trial's record: one line of `trials.jsonl`, and what may stand in it.

The record is the only thing the other rooms hand to this one. Whatever a reader may find in a
run directory is checked here, so that everything behind it works with typed values.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from neurosweep.errors import RunDirectoryError
from reports.probes import Probe

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Origin", "Stage", "Status", "TrialRecord", "Value", "parse_time"]

Value = bool | int | float | str
"""What one hyperparameter may be."""

# A trial's id is also the name of its folder: it must not lead out of the run directory.
_TRIAL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PREPROCESSING = ("native", "unit")
_SHARES = ("val_macro_f1", "val_roc_auc", "val_calibration_error", "val_calibration_error_scaled")


class Stage(StrEnum):
    """The stage of a search in which a trial ran."""

    SCREEN = "screen"
    SEARCH = "search"
    FINE_TUNE = "fine_tune"
    ENSEMBLE = "ensemble"


class Origin(StrEnum):
    """Who chose a trial's configuration."""

    PAPER = "paper"
    SAMPLER = "sampler"
    WARM_START = "warm_start"
    REPEAT = "repeat"


class Status(StrEnum):
    """The final state of a trial."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One finished trial.

    A figure that was not measured, or came out as NaN or infinite, is None.

    Attributes:
        trial_id: Letters, digits, dot, dash and underscore; unique in a run; its folder's name.
        backbone: Name of the pretrained backbone; None for the custom families.
        weights: Where a backbone's weights came from: none, imagenet, random, or a folder.
        stop_reason: Why it ended: finished, early_stopping, stopped, an error's name.
        stop_detail: The reason in words, where there is more to say than its name.
        hyperparameters: The active hyperparameters by their full names.
        val_accuracy: Validation accuracy of the kept epoch, 0 to 1 inclusive.
        val_loss: Validation loss of the kept epoch.
        epochs: Epochs that ran; `epochs_allowed` the most the trial could have had.
        kept_epoch: The epoch, from 1, whose weights were kept.
        seconds: Wall time of training.
        image_size: Side of the square images, in pixels.
        parameters: Number of the network's weights.
        val_missed_positives: Positives of the validation part that were called the negative
            class; None without one.
        val_macro_f1: Mean of the classes' F1 on the validation part, 0 to 1 inclusive.
        val_roc_auc: Mean area under the classes' ROC curves, each against all others.
        val_classes: By class `precision`, `recall`, `f1` (shares) and `support` (images).
        val_calibration_error: Expected calibration error, 0 to 1 inclusive;
            `val_calibration_error_scaled` after temperature scaling, on images that the
            temperature was not fitted to.
        temperature: What its logits are divided by to be calibrated, above 0; fitted on all
            validation images.
        worker: Host and process, as HOST/PID, of the worker that trained it; None where it came to
            none, or to one of a stage around the search.
        node: Name of the host that it ran on; None where it came to no worker, or to several.
        split: Which image was in which part, as a hash.
        latency_ms: Milliseconds for one image, where it was measured.
        feasible: Whether it keeps to all constraints; None where there are none.
        held_seconds: Wall time that a worker was held for it, lost attempts included.
        gpu_hours: Hours that the GPUs of its worker were held for it.
        cost: What holding them cost; None where a node's price was not known.
        lost_workers: How often it lost its worker, and began again unless it was the last attempt;
            None if it never did.
        lost_seconds: The part of `held_seconds` of attempts that lost their worker.
        started_at: ISO 8601 time, UTC unless it says otherwise; so is `finished_at`.
        error: What went wrong, in one line, for a failed trial.
        runtime: Threads, precision and determinism it was trained under.
        fine_tune: Settings of fine-tuning; None for a trial trained only once.
        parent_id: The trial that was fine-tuned or repeated.
        setup_seconds: From the end of what its worker trained before to its own first step.
        tracing_seconds: The part of `seconds` in which TensorFlow traced the training step.
        preprocessing: What a backbone was fed: native, as it was pretrained, or unit, x / 255.
        weights_hash: SHA-256 of the file of a backbone's weights; `random-…` for random ones.
        probe: How a screened backbone was measured, see `reports.probes.Probe`.
        multiply_adds: Multiplications with addition that one image costs, at least 0.
        accumulation: Parts in which its steps went through each batch, because whole ones did not
            fit the memory; None for whole ones.

    Raises:
        RunDirectoryError: The id could not be the name of a folder, a share or the temperature is
            outside its bounds, a time is none, or preprocessing, probe or multiply-adds are.
    """

    # Read by pydantic: no unknown key, no conversion between types, no NaN.
    __pydantic_config__: ClassVar[dict[str, object]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
    }

    trial_id: str
    stage: Stage
    origin: Origin
    family: str
    backbone: str | None = None
    weights: str = "none"
    status: Status
    stop_reason: str | None = None
    stop_detail: str | None = None
    hyperparameters: dict[str, Value]
    seed: int
    val_accuracy: float | None = None
    val_loss: float | None = None
    epochs: int
    epochs_allowed: int
    kept_epoch: int | None = None
    seconds: float
    data_fingerprint: str
    synthetic: bool
    image_size: int
    parameters: int | None = None
    val_missed_positives: int | None = None
    latency_ms: float | None = None
    feasible: bool | None = None
    held_seconds: float | None = None
    started_at: str
    finished_at: str
    error: str | None = None
    runtime: dict[str, Any] = field(default_factory=dict)
    fine_tune: dict[str, Any] | None = None
    parent_id: str | None = None
    setup_seconds: float | None = None
    tracing_seconds: float | None = None
    preprocessing: str | None = None
    weights_hash: str | None = None
    probe: dict[str, Any] | None = None
    multiply_adds: int | None = None
    gpu_hours: float | None = None
    cost: float | None = None
    lost_workers: int | None = None
    lost_seconds: float | None = None
    accumulation: int | None = None
    val_macro_f1: float | None = None
    val_roc_auc: float | None = None
    val_classes: dict[str, dict[str, int | float]] | None = None
    val_calibration_error: float | None = None
    val_calibration_error_scaled: float | None = None
    temperature: float | None = None
    node: str | None = None
    worker: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the ranking or the run directory could not hold."""
        for time in (self.started_at, self.finished_at):
            parse_time(time)
        if not (0 <= (self.val_accuracy or 0.0) <= 1):
            raise RunDirectoryError(
                "a validation accuracy is a share from 0 to 1, or None where there is none; trial "
                f"{self.trial_id} has {self.val_accuracy}. Record None for a trial that diverged."
            )
        if not _TRIAL_ID.fullmatch(self.trial_id):
            raise RunDirectoryError(
                "a trial's id has letters, digits, dots, dashes and underscores only and begins "
                f"with a letter or digit; received {self.trial_id!r}. Was trials.jsonl edited?"
            )
        self._check_scores()
        self._check_backbone()

    def _check_scores(self) -> None:
        for name in _SHARES:
            if not (0 <= (getattr(self, name) or 0.0) <= 1):
                raise RunDirectoryError(
                    f"{name} is a share from 0 to 1, or None where it was not measured; trial "
                    f"{self.trial_id} has {getattr(self, name)}. Was trials.jsonl edited?"
                )
        if self.temperature is not None and not self.temperature > 0:
            raise RunDirectoryError(
                f"a temperature is above 0; trial {self.trial_id} has {self.temperature}. "
                "Was trials.jsonl edited?"
            )

    def _check_backbone(self) -> None:
        Probe.of(self.probe)
        if self.preprocessing not in (None, *_PREPROCESSING):
            raise RunDirectoryError(
                f"preprocessing is {' or '.join(_PREPROCESSING)}, or None where there is no "
                f"backbone; trial {self.trial_id} has {self.preprocessing!r}. "
                "Was trials.jsonl edited?"
            )
        if (self.multiply_adds or 0) < 0:
            raise RunDirectoryError(
                f"multiply-adds are a count from 0; trial {self.trial_id} has "
                f"{self.multiply_adds}. Record None for what could not be counted."
            )

    def to_json(self) -> str:
        """Write the record as one line of JSON, without the newline.

        Raises:
            RunDirectoryError: A figure is NaN or infinite; record None instead.
        """
        try:
            return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise RunDirectoryError(
                f"a record holds finite numbers or null; trial {self.trial_id} has a NaN or "
                "infinite one. Record None for what could not be measured."
            ) from error

    @staticmethod
    def from_json(line: str | bytes) -> "TrialRecord":
        """Read a record from one line of JSON.

        Raises:
            RunDirectoryError: Not JSON, an unknown key, a missing one, or a wrong type.
        """
        from pydantic import ValidationError

        try:
            return _adapter().validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the line"
            raise RunDirectoryError(
                f"a record of a trial must match the documented columns; at {where}: "
                f"{first['msg']}; received {_shorten(first['input'])}. "
                "It was edited, or written by another version of neurosweep."
            ) from error


@cache
def _adapter() -> "TypeAdapter[TrialRecord]":
    # pydantic is loaded when the first record is read, not when the room is imported.
    from pydantic import TypeAdapter

    return TypeAdapter(TrialRecord)


def parse_time(text: str) -> datetime:
    """Read a record's time; one without an offset is UTC.

    Raises:
        RunDirectoryError: It is not an ISO 8601 time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise RunDirectoryError(
            f"a record's times follow ISO 8601, as 2026-01-31T12:00:00+00:00; received {text!r}. "
            "Was trials.jsonl edited?"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _shorten(received: object) -> str:
    text = repr(received)
    return text if len(text) <= 60 else f"{text[:57]}…"
