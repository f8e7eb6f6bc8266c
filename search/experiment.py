"""The experiment file's shape: what may stand in it, with the defaults, checked once and frozen.

The defaults of `families` and `training` ranges live with the families in `spaces`; here is only
what a user may write. `search.experiment_file` reads YAML into these models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from search.experiment_resources import Resources
from search.experiment_section import Section, seconds_of
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


class Data(Section):
    """Which images, how large, and how they are divided.

    `image_size` is the side in pixels; `validation` the share of the training part held back, in
    (0, 0.5]; `negative_class` the class that means "nothing found": calling another class by it is
    a missed positive. With `folds` the finalists are cross-validated over so many folds. `leaks`
    says what happens to training images that are copies of test images: they are kept and counted,
    or dropped from training. `path` is a folder, or, as text, the URI of one on an object store.
    `groups` and `labels` are CSV files: which images belong to one
    patient, and, where folders do not say it, each image's class (columns file, label).
    """

    path: Path | str | None = None
    image_size: int = Field(default=150, ge=16, le=1024)
    color: Literal["grey", "rgb"] = "grey"
    validation: float = Field(default=0.2, gt=0.0, le=0.5)
    folds: int | None = Field(default=None, ge=2, le=20)
    leaks: Literal["keep", "drop"] = "keep"
    negative_class: str | None = "notumor"
    groups: Path | None = None
    labels: Path | None = None

    @field_validator("path", mode="before")
    @classmethod
    def _folder_or_uri(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not is_uri(value):
            return Path(value)
        if holds_credentials(value):
            raise ValueError(
                "credentials come from the environment, never from a URI, which is written down; "
                "leave out what stands before the @"
            )
        return value

    @field_validator("groups", "labels", mode="before")
    @classmethod
    def _on_this_machine(cls, value: Any) -> Any:
        if isinstance(value, str) and is_uri(value):
            raise ValueError(
                f"a CSV file on this machine; received {value}. One of the name labels.csv, or "
                "groups.csv, in the data folder on the store is found there"
            )
        return value

    @field_validator("path", "groups", "labels")
    @classmethod
    def _absolute(cls, value: Path | str | None) -> Path | str | None:
        return value.expanduser().absolute() if isinstance(value, Path) else value


class TransferSettings(Section):
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


class SearchSettings(Section):
    """How many trials, chosen by what, stopped by what.

    At least one of `trials`, `time_budget`, `worker_hours`, `gpu_hours` and `max_cost` must be set,
    and the first that is used up ends the search. `time_budget` is in seconds; hours are those that
    trials and the stages around them hold workers or GPUs, `max_cost` what they cost by
    `resources.price_per_hour`, all sittings of a run together. Each covers the whole run, the final
    stages included.

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
    max_cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
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
        for run in runs:
            if isinstance(run, str) and is_uri(run):
                raise ValueError(
                    f"folders of this machine; received {run}. Get it with `neurosweep fetch {run} "
                    "DIR` and name DIR"
                )
        return tuple(Path(run).expanduser().absolute() for run in runs)

    @model_validator(mode="after")
    def _bounded(self) -> SearchSettings:
        hours = (self.worker_hours, self.gpu_hours)
        if not any((self.trials, self.time_budget, *hours, self.max_cost)):
            raise ValueError(
                "a search needs an end: set `search.trials`, `search.time_budget`, "
                "`search.worker_hours`, `search.gpu_hours` or `search.max_cost`"
            )
        return self

    @property
    def aim(self) -> Aim:
        """The objectives and constraints."""
        named = (self.objective,) if isinstance(self.objective, str) else self.objective
        return Aim(named, tuple(Constraint.parse(text) for text in self.constraints))


class Final(Section):
    """What happens to the best trials after the search.

    `fine_tune_trials` is how many ways of fine-tuning the winner's top block are tried, paper A's
    first; the best one stands for the fine-tuned winner. `fine_tune_backbones` names backbones
    whose trial is fine-tuned as well, in paper A's way, if it is not the winner.

    With `repeats` each finalist is trained with so many seeds in all; these trainings make no rows
    and choose nothing, they tell how far a finalist's accuracy varies.

    `ensemble` says what becomes of a mean of the finalists' answers: `row` gives it its row in the
    leaderboard, `true` lets it be the winner too, `false` makes none.
    """

    fine_tune: bool = True
    fine_tune_trials: int = Field(default=4, ge=1, le=100)
    fine_tune_backbones: tuple[str, ...] = ()
    finalists: int = Field(default=5, ge=1, le=50)
    repeats: int = Field(default=1, ge=1, le=100)
    ensemble: Literal["row"] | bool = "row"

    @field_validator("ensemble", mode="before")
    @classmethod
    def _row_or_whether(cls, value: Any) -> Any:
        if value != "row" and not isinstance(value, bool):
            raise ValueError(
                "`final.ensemble` is row (a row in the leaderboard), true (it may be the winner as "
                f"well) or false (none); received {value!r}"
            )
        return value


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


class Experiment(Section):
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

    @model_validator(mode="after")
    def _cost_has_prices(self) -> Experiment:
        prices = self.resources.prices
        if self.search.max_cost is not None and (prices is None or prices.highest == 0):
            raise ValueError(
                "`search.max_cost` needs what nodes cost: set `resources.price_per_hour`, such as "
                "{gpu_worker: 1.21} by the names of available_node_types in the cluster file, or "
                f"one number for every node; received {self.resources.price_per_hour!r}"
            )
        return self

    @model_validator(mode="after")
    def _repeated_in_one_way(self) -> Experiment:
        ours, theirs = self.final.repeats, self.search.repeats
        if ours > 1 and theirs > 1:
            raise ValueError(
                "`search.repeats` repeats every configuration, the finalists' too, and "
                f"`final.repeats` the finalists alone; received {theirs} and {ours}. Leave one of "
                "them out"
            )
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
