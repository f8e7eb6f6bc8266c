"""The experiment file's shape: what may stand in it, with the defaults, checked once and frozen.

The defaults of `families` and `training` ranges live with the families in `spaces`; here is only
what a user may write. `search.experiment_file` reads YAML into these models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator, model_validator

from search.files.uris import holds_credentials, is_uri
from search.objective import Aim, Constraint, Figure

__all__ = [
    "Data",
    "Experiment",
    "Final",
    "Resources",
    "SearchSettings",
    "TransferSettings",
    "seconds_of",
]

FAMILY_NAMES = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer")
"""The families an experiment may name; a test holds it equal to `spaces.FAMILIES`."""

_NAMED_WEIGHTS = ("imagenet", "random")

EPOCH_LIMIT = 3600.0
"""Seconds that one epoch may take where an experiment does not say otherwise."""

_LEAST_MEMORY = 2**28  # bytes; TensorFlow alone needs more

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str | float) -> float:
    """Returns the seconds in a duration such as `90`, `"90s"`, `"30m"`, `"1.5h"` or `"2d"`.

    Raises:
        ValueError: if it is not a positive number with an optional unit s, m, h or d.
    """
    if isinstance(text, int | float):
        value = float(text)
    else:
        cleaned = text.strip().lower()
        unit = cleaned[-1:] if cleaned[-1:] in _UNITS else "s"
        try:
            value = float(cleaned.removesuffix(unit)) * _UNITS[unit]
        except ValueError:
            raise ValueError(
                f"a duration is a number with a unit s, m, h or d, such as 30m; received {text!r}"
            ) from None
    if not 0 < value < float("inf"):
        raise ValueError(f"a duration is positive, such as 30m; received {text!r}")
    return value


class _Section(BaseModel):
    """A section of the file: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    """Which images, how large, and how they are divided.

    `image_size` is the side in pixels; `validation` the share of the training part held back, in
    (0, 0.5]; `negative_class` the class that means "nothing found": calling another class by it is
    a missed positive. With `folds` the finalists are cross-validated over so many folds. `leaks`
    says what happens to training images that are copies of test images: they are kept and counted,
    or dropped from training. `groups` and `labels` are CSV files: which images belong to one
    patient, and, where folders do not say it, each image's class (columns file, label).
    """

    path: Path | None = None
    image_size: int = Field(default=150, ge=16, le=1024)
    color: Literal["grey", "rgb"] = "grey"
    validation: float = Field(default=0.2, gt=0.0, le=0.5)
    folds: int | None = Field(default=None, ge=2, le=20)
    leaks: Literal["keep", "drop"] = "keep"
    negative_class: str | None = "notumor"
    groups: Path | None = None
    labels: Path | None = None

    @field_validator("path", "groups", "labels")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()


class TransferSettings(_Section):
    """Settings of the family `transfer` that are not hyperparameters.

    All `backbones` are screened, and get a trial with paper A's head where `search.papers` is on;
    the best `keep` of them are what the sampler explores. `copies` is the number of changed copies
    of each training image that augmentation draws from, the first of them its mirror image; each
    costs another forward pass. `screen_both` screens under the other preprocessing as well, to
    show what it does.
    """

    backbones: Literal["default"] | tuple[str, ...] = "default"
    keep: int = Field(default=4, ge=1)
    weights: str = "imagenet"
    preprocessing: Literal["native", "unit"] = "native"
    image_size: Literal["native"] | int = "native"
    copies: int = Field(default=0, ge=0, le=32)
    screen_both: bool = False


class SearchSettings(_Section):
    """How many trials, chosen by what, stopped by what.

    At least one of `trials`, `time_budget`, `worker_hours` and `gpu_hours` must be set, and the
    first that is used up ends the search. `time_budget` is in seconds; hours are those that trials
    and final stages hold workers or GPUs, all sittings of a run together. Each covers the whole
    run, the final stages included.

    `objective` is one figure or a list of several; with several no trial is stopped early, for
    the rest of a trial may still be the best in another figure. `constraints` are texts such as
    `parameters <= 5e6`. `warm_start` names finished runs over the same space. With `repeats` each
    configuration that completed is trained so many times, each time with another seed. `sinks`
    are other programs that may follow the trials.
    """

    sampler: Literal["tpe", "random"] = "tpe"
    scheduler: Literal["asha", "none"] = "asha"
    objective: Figure | tuple[Figure, ...] = "val_accuracy"
    constraints: tuple[str, ...] = ()
    trials: int | None = Field(default=60, ge=1)
    time_budget: float | None = None
    worker_hours: float | None = Field(default=None, gt=0)
    gpu_hours: float | None = Field(default=None, gt=0)
    max_cost: float | None = Field(default=None, gt=0)
    papers: bool = True
    warm_start: tuple[Path, ...] = ()
    repeats: int = Field(default=1, ge=1, le=100)
    seed: int = Field(default=0, ge=0, lt=2**31)
    sinks: tuple[Literal["tensorboard", "mlflow"], ...] = ()

    @field_validator("time_budget", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return None if value is None else seconds_of(value)

    @field_validator("objective")
    @classmethod
    def _each_once(cls, value: Figure | tuple[Figure, ...]) -> Figure | tuple[Figure, ...]:
        if isinstance(value, tuple) and (not value or len(set(value)) < len(value)):
            raise ValueError(f"name at least one objective, and each once; received {list(value)}")
        return value

    @field_validator("constraints")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            Constraint.parse(text)
        return value

    @field_validator("warm_start", mode="before")
    @classmethod
    def _absolute_runs(cls, value: Any) -> Any:
        runs = value if isinstance(value, list | tuple) else [value]
        return tuple(Path(run).expanduser().absolute() for run in runs)

    @model_validator(mode="after")
    def _bounded_and_built(self) -> SearchSettings:
        if not any((self.trials, self.time_budget, self.worker_hours, self.gpu_hours)):
            raise ValueError(
                "a search needs an end: set `search.trials`, `search.time_budget`, "
                "`search.worker_hours` or `search.gpu_hours`"
            )
        if self.max_cost is not None:
            raise ValueError("`search.max_cost` is not available yet; leave it at None")
        return self

    @property
    def aim(self) -> Aim:
        """The objectives and constraints."""
        named = (self.objective,) if isinstance(self.objective, str) else self.objective
        return Aim(named, tuple(Constraint.parse(text) for text in self.constraints))


class Resources(_Section):
    """What one trial gets, and how many run at once.

    `gpus_per_trial` may be a fraction, or a whole number; `auto` is one GPU where the cluster has
    any, else none. Above 1 only fine-tuning takes more than one.
    `precision`, `fused_batch_norm` and `xla` on `auto` are settled by a measurement per family; on
    CPUs, where XLA compiles for minutes, `xla` is off, as it is under determinism, where Keras
    compiles nothing. `deterministic` is settled by
    the device: on CPUs it costs nothing and is on; on GPUs it has to be asked for, and what it
    costs there has not been measured. Two runs that are to be equal to the digit must not leave
    them to a measurement.
    `memory_per_trial` is what one trial's process may hold (text such as 6GiB, or bytes); null is
    the node's memory divided by the trials at once on it. `epoch_limit` is in seconds: an epoch
    that takes longer ends its trial as failed; null is one hour.
    """

    workers: Literal["auto"] | int = "auto"
    cpus_per_trial: int = Field(default=1, ge=1)
    gpus_per_trial: Literal["auto"] | float = "auto"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    fused_batch_norm: Literal["auto"] | bool = "auto"
    xla: Literal["auto"] | bool = "auto"
    deterministic: Literal["auto"] | bool = "auto"
    memory_per_trial: ByteSize | None = None
    epoch_limit: float = EPOCH_LIMIT

    @field_validator("epoch_limit", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return EPOCH_LIMIT if value is None else seconds_of(value)

    @field_validator("memory_per_trial")
    @classmethod
    def _enough(cls, value: ByteSize | None) -> ByteSize | None:
        if value is not None and value < _LEAST_MEMORY:
            raise ValueError(
                "`resources.memory_per_trial` is at least 256MiB, which TensorFlow alone needs; "
                f"received {value.human_readable()}"
            )
        return value

    @model_validator(mode="after")
    def _positive(self) -> Resources:
        if self.workers != "auto" and self.workers < 1:
            raise ValueError(f"`resources.workers` is at least 1; received {self.workers}")
        if self.gpus_per_trial != "auto" and self.gpus_per_trial < 0:
            raise ValueError(
                f"`resources.gpus_per_trial` is at least 0; received {self.gpus_per_trial}"
            )
        if self.xla is True and self.deterministic is True:
            raise ValueError(
                "`resources.xla` and `resources.deterministic` cannot both be true: Keras compiles "
                "nothing where operations are deterministic; received both; leave one of them out"
            )
        if self.gpus_per_trial != "auto" and self.gpus_per_trial > 1 and self.gpus_per_trial % 1:
            raise ValueError(
                "`resources.gpus_per_trial` is a share of one GPU, up to 1, or a whole number of "
                f"them; received {self.gpus_per_trial}; say {int(self.gpus_per_trial)} or "
                f"{int(self.gpus_per_trial) + 1}"
            )
        return self


class Final(_Section):
    """What happens to the best trials after the search.

    `fine_tune_trials` is how many ways of fine-tuning the winner's top block are tried, paper A's
    first; the best one stands for the fine-tuned winner. `fine_tune_backbones` names backbones
    whose trial is fine-tuned as well, in paper A's way, if it is not the winner.
    """

    fine_tune: bool = True
    fine_tune_trials: int = Field(default=4, ge=1, le=100)
    fine_tune_backbones: tuple[str, ...] = ()
    finalists: int = Field(default=5, ge=1, le=50)
    ensemble: bool = False

    @model_validator(mode="after")
    def _only_what_is_built(self) -> Final:
        if self.ensemble:
            raise ValueError("`final.ensemble` is not available yet; leave it at false")
        return self


def _place(weights: str) -> str:
    """A folder as workers see it, who stand elsewhere than the user; a URI as it is."""
    if not is_uri(weights):
        return str(Path(weights).expanduser().absolute())
    if holds_credentials(weights):
        raise ValueError(
            "`families.transfer.weights` is written down with the run: credentials come from the "
            "environment, never from a URI; leave out what stands before the @"
        )
    return weights


def _all_families() -> dict[str, dict[str, Any]]:
    return {name: {} for name in FAMILY_NAMES}


class Experiment(_Section):
    """One experiment file, checked. Equal files give equal experiments.

    `families` maps a family's name to its narrowed ranges ({} for the defaults); `training` maps
    a training setting to a value that fixes it or to `search`.
    """

    name: str = Field(default="search", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    data: Data = Data()
    families: dict[str, dict[str, Any]] = Field(default_factory=_all_families)
    training: dict[str, Any] = Field(default_factory=lambda: {"epochs": 30})
    search: SearchSettings = SearchSettings()
    resources: Resources = Resources()
    final: Final = Final()

    @field_validator("families", mode="before")
    @classmethod
    def _families(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValueError(f"name at least one family of {', '.join(FAMILY_NAMES)}")
        for name in value:
            if name not in FAMILY_NAMES:
                raise ValueError(f"unknown family {name!r}; families are {', '.join(FAMILY_NAMES)}")
        families = {name: {} if ranges is None else ranges for name, ranges in value.items()}
        for name, ranges in families.items():
            if not isinstance(ranges, dict):
                raise ValueError(  # noqa: TRY004 - what pydantic takes for a finding
                    f"`families.{name}` is a mapping such as {{}}; received {ranges!r}"
                )
        weights = families.get("transfer", {}).get("weights")
        if isinstance(weights, str) and weights not in _NAMED_WEIGHTS:
            families["transfer"] = {**families["transfer"], "weights": _place(weights)}
        return families

    @model_validator(mode="after")
    def _transfer_settings(self) -> Experiment:
        _ = self.transfer  # raises where one of them cannot be
        return self

    @field_validator("training")
    @classmethod
    def _epochs(cls, value: dict[str, Any]) -> dict[str, Any]:
        epochs = value.get("epochs", 30)
        if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= 10_000:
            raise ValueError(f"`training.epochs` is a whole number from 1 to 10000; got {epochs!r}")
        return {**value, "epochs": epochs}

    @property
    def epochs(self) -> int:
        """The epochs a trial is allowed."""
        return int(self.training["epochs"])

    @property
    def transfer(self) -> TransferSettings | None:
        """The settings of the family `transfer`, or None where it takes no part."""
        if "transfer" not in self.families:
            return None
        own = self.families["transfer"]
        return TransferSettings(
            **{k: v for k, v in own.items() if k in TransferSettings.model_fields}
        )

    def space_families(self) -> dict[str, dict[str, Any]]:
        """The families with their ranges as `spaces.declare_space` takes them."""
        families = {name: dict(ranges) for name, ranges in self.families.items()}
        if self.transfer is not None:
            families["transfer"] = {**self.transfer.model_dump(), **families["transfer"]}
        return families

    def space_training(self) -> dict[str, Any]:
        """The training ranges as `spaces.declare_space` takes them: without the epochs."""
        return {key: value for key, value in self.training.items() if key != "epochs"}
