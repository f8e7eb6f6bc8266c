"""The recipe: everything that decides what a training run computes, apart from the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from typing import Any

from neurosweep.errors import ExperimentError
from spaces import Task, Value

__all__ = ["FineTune", "Recipe", "in_halves", "same_but_seed"]

KEPT_BY = ("val_accuracy", "val_loss")
CACHES = ("auto", "none", "float16", "float32")
MOST_DEPTH = 10.0

_EARLIER_NAMES = frozenset({"transfer/width"})
"""Hyperparameters that were renamed, with others that appeared beside them."""


@dataclass(frozen=True, kw_only=True)
class FineTune:
    """How the top block is trained after the search.

    Attributes:
        epochs: At most so many epochs; at least 1.
        patience: Epochs without a better validation score before it stops; at least 1.
        learning_rate: Of the fine-tuning steps, at the output; 1e-4 is paper A's.
        depth: How far to unfreeze, in top blocks: 1 is the family's top block, 0.5 about half as
            many layers, 2 about twice as many.
        rate_decay: Factor on the rate behind each bottleneck of the network, from the output down;
            above 0, up to 1, which leaves one rate for all.
        warm_up: Share of all steps in which the rate rises from a tenth, from 0 to below 1.
        weight_decay: As in training.
        cache: "auto", "none", "float16" or "float32": what the frozen part's output is kept in.
            "auto" is float16 where nothing is augmented and the disk has room, else none.
        accumulation: Parts of a batch that a step goes through one after the other; at least 1.
    """

    epochs: int
    patience: int
    learning_rate: float = 1e-4
    depth: float = 1.0
    rate_decay: float = 1.0
    warm_up: float = 0.0
    weight_decay: float = 0.0
    cache: str = "auto"
    accumulation: int = 1

    def __post_init__(self) -> None:
        _require("fine_tune.epochs", self.epochs, minimum=1)
        _require("fine_tune.accumulation", self.accumulation, minimum=1)
        _require("fine_tune.patience", self.patience, minimum=1)
        if not 0 < self.learning_rate < 1:
            raise ExperimentError(
                "A fine-tuning learning rate lies between 0 and 1, both excluded; received "
                f"{self.learning_rate!r}. Give a small positive number, such as 1e-4."
            )
        if not (
            0 < self.depth <= MOST_DEPTH
            and 0 < self.rate_decay <= 1
            and 0 <= self.warm_up < 1
            and 0 <= self.weight_decay <= 1
        ):
            raise ExperimentError(
                f"Fine-tuning has a depth above 0 and up to {MOST_DEPTH:g}, a rate_decay above 0 "
                "and up to 1, a warm_up from 0 to below 1 and a weight_decay from 0 to 1; received "
                f"{self.depth!r}, {self.rate_decay!r}, {self.warm_up!r}, {self.weight_decay!r}. "
                "Correct them in the recipe."
            )
        if self.cache not in CACHES:
            raise ExperimentError(
                f"The cache of fine-tuning is one of {list(CACHES)}; received {self.cache!r}. "
                "Leave it out to have it decided."
            )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One configuration with what is needed to train it again to the same numbers.

    Attributes:
        configuration: Active hyperparameters, flat, as `spaces` samples them.
        task: Image size, channels and classes the model is built for.
        epochs: Allowed epochs; learning-rate schedules span them. At least 1.
        seed: Seeds initial weights, shuffling, augmentation and dropout.
        stop_epoch: Replay of a row that was stopped: ends after this epoch, 1 to `epochs`.
        weights: "none", "imagenet", "random" or a folder with staged weights.
        weights_hash: What those weights must be, as `backbone_weights.weights_hash` says; "" takes
            those that are there.
        preprocessing: "native" or "unit"; read by transfer models only.
        copies: Changed copies of each training image that a head's augmentation draws from; read
            by transfer models only.
        fine_tune: How the top block is trained afterwards, or None.
        keep_by: "val_accuracy" or "val_loss": which epoch is the best, thus kept, and what
            patience waits for.
        accumulation: Parts of a batch that a step goes through one after the other, as
            `accumulation.trained_model` says: 1, or 2 where whole batches did not fit the memory.
            Heads on cached features know none.
    """

    configuration: Mapping[str, Value]
    task: Task
    epochs: int
    seed: int
    stop_epoch: int | None = None
    weights: str = "none"
    weights_hash: str = ""
    preprocessing: str = "native"
    copies: int = 0
    fine_tune: FineTune | None = None
    keep_by: str = "val_accuracy"
    accumulation: int = 1

    def __post_init__(self) -> None:
        _require("accumulation", self.accumulation, minimum=1)
        _require("epochs", self.epochs, minimum=1)
        _require("seed", self.seed, minimum=0)
        _require("copies", self.copies, minimum=0)
        if "family" not in self.configuration:
            raise ExperimentError(
                "A configuration names its family; received only "
                f"{sorted(self.configuration)}. Add a value for 'family'."
            )
        if self.keep_by not in KEPT_BY:
            raise ExperimentError(
                f"keep_by is one of {list(KEPT_BY)}; received {self.keep_by!r}. Leave it out to "
                "keep the epoch of the best accuracy."
            )
        if self.stop_epoch is not None and not 1 <= self.stop_epoch <= self.epochs:
            raise ExperimentError(
                f"stop_epoch lies between 1 and the allowed epochs ({self.epochs}); received "
                f"{self.stop_epoch}. Leave it out to train to the end."
            )

    @property
    def family(self) -> str:
        """The family's name, a key of `trainables.families.FAMILIES`."""
        return str(self.configuration["family"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values only: what JSON and YAML can hold."""
        plain = asdict(replace(self, configuration=dict(self.configuration)))
        plain["task"]["classes"] = list(self.task.classes)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` wrote.

        Raises:
            ExperimentError: A key is unknown or missing, a value is out of bounds, or the
                configuration is of an earlier version.
        """
        _check_keys("recipe", plain, cls)
        _check_names(plain["configuration"])
        _check_keys("recipe.task", plain["task"], Task)
        tuned = plain.get("fine_tune")
        if tuned is not None:
            _check_keys("recipe.fine_tune", tuned, FineTune)
        task = Task(**{**plain["task"], "classes": tuple(plain["task"]["classes"])})
        return cls(
            **{
                **plain,
                "configuration": dict(plain["configuration"]),
                "task": task,
                "fine_tune": None if tuned is None else FineTune(**tuned),
            }
        )


def same_but_seed(recipe: Recipe) -> Recipe:
    """The recipe without what leaves its model and its steps as they are.

    Two recipes that are equal in this form differ in where training begins and where it is
    stopped, not in what a step computes.
    """
    return replace(recipe, seed=0, stop_epoch=None, fine_tune=None)


def in_halves(recipe: Recipe) -> Recipe | None:
    """The recipe with each batch in two parts, for a memory that whole batches do not fit.

    None where there is nothing to gain: it is trained in parts already, a batch is one image, or it
    is a head on cached features, whose batches are small beside the features themselves.
    """
    size = int(recipe.configuration.get("training/batch_size", 1))
    if recipe.accumulation > 1 or size < 2 or recipe.family == "transfer":
        return None
    return replace(recipe, accumulation=2)


def _require(name: str, value: object, *, minimum: int) -> None:
    """Refuse what is no whole number of at least `minimum` (Booleans are none)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ExperimentError(
            f"{name} is a whole number of at least {minimum}; received {value!r}. "
            "Correct it in the recipe."
        )


def _check_names(configuration: Mapping[str, Value]) -> None:
    """Refuse hyperparameters that are called otherwise by now: they mean another network."""
    earlier = sorted(_EARLIER_NAMES & set(configuration))
    if earlier:
        raise ExperimentError(
            "A configuration has the hyperparameters that `neurosweep spaces` lists; received "
            f"{earlier[0]!r}: it was recorded by an earlier version of this program, which built "
            "other heads. Train it again with the version that its run.yaml names."
        )


def _check_keys(name: str, plain: object, record: type[Any]) -> None:
    """Refuse a mapping whose keys are not exactly those that `record` can take."""
    known = [field.name for field in fields(record)]
    if not isinstance(plain, Mapping):
        raise ExperimentError(
            f"{name} is a mapping with the keys {known}; received {type(plain).__name__}. "
            "Use a file that this program wrote."
        )
    unknown = sorted(set(plain) - set(known))
    missing = sorted({f.name for f in fields(record) if _is_required(f)} - set(plain))
    if unknown or missing:
        raise ExperimentError(
            f"{name} has the keys {known}; received unknown {unknown}, missing {missing}. "
            "Use a file that this version of the program wrote."
        )


def _is_required(field: Field[object]) -> bool:
    """Whether a dataclass field has no default."""
    return field.default is MISSING and field.default_factory is MISSING
