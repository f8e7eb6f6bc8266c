"""Space of `training`: optimiser, learning rate, batches, regularisation, augmentation, patience.

Both papers train with Adam and without augmentation. The learning rate of 1e-3, batches of 32,
the constant schedule and the patience are ours: the papers leave them open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.ranges import Choices, Range, Real, Whole, declare_range, flag
from spaces.scope import chosen_ranges, when
from spaces.task import Value

if TYPE_CHECKING:
    import keras_tuner

__all__ = [
    "OPEN_IN_PAPERS",
    "TRAINING_SETTINGS",
    "declare",
    "declare_augmentation",
    "paper_training",
]

TRAINING_SETTINGS = ("epochs",)
"""Keys of the experiment's `training` that are settings of the run, not hyperparameters."""

OPEN_IN_PAPERS = ("training/learning_rate", "training/batch_size", "training/patience")
"""What the papers leave open: an experiment that fixes one of these still runs the papers' rows."""

_RATE_LIMITS = (1e-7, 1.0)
# Steps of adaptive optimisers are about as long as their rate; those of gradient descent shrink
# with the gradient, so its useful rates are some ten to a hundred times higher.
_RATES = {
    ("adam", "adamw", "rmsprop"): Real(
        low=1e-5, high=1e-2, default=1e-3, limits=_RATE_LIMITS, log=True
    ),
    ("sgd",): Real(low=1e-4, high=3e-1, default=1e-2, limits=_RATE_LIMITS, log=True),
}
_RANGES: dict[str, Range] = {
    "optimizer": Choices(values=("adam", "adamw", "sgd", "rmsprop"), default="adam"),
    "schedule": Choices(values=("constant", "cosine"), default="constant"),
    "batch_size": Choices(values=(16, 32, 64, 128), default=32, limits=(1, 4096)),
    "weight_decay": Choices(values=(0.0, 1e-6, 1e-5, 1e-4, 1e-3), default=0.0, limits=(0.0, 1.0)),
    "label_smoothing": Real(low=0.0, high=0.2, default=0.0, limits=(0.0, 0.9)),
    "augmentation": flag(default=False),
    "augmentation_strength": Real(low=0.1, high=1.0, default=0.5, limits=(0.01, 1.0)),
    "patience": Whole(low=3, high=10, default=6, limits=(1, 1000)),
}


def declare(hp: keras_tuner.HyperParameters, narrowings: Mapping[str, Any]) -> None:
    """Declare the training hyperparameters but augmentation; called inside the scope `training`.

    Raises:
        SpaceError: A narrowing cannot be.
    """
    wanted = _wanted(narrowings)
    chosen = _chosen(wanted)
    declare_range(hp, "optimizer", chosen["optimizer"])
    _declare_rates(hp, chosen["optimizer"], wanted)
    for name in ("schedule", "batch_size", "weight_decay", "label_smoothing", "patience"):
        declare_range(hp, name, chosen[name])


def declare_augmentation(
    hp: keras_tuner.HyperParameters, narrowings: Mapping[str, Any], *, copies: int | None
) -> None:
    """Declare augmentation; called inside the scope `training`.

    Args:
        hp: Declared on.
        narrowings: The experiment's `training`.
        copies: None for networks that are trained on images, each changed anew in each epoch. For
            cached features, how many changed copies of each training image there are: 0 leaves no
            augmentation, and with more its strength is theirs.

    Raises:
        SpaceError: A narrowing cannot be, or asks for augmentation where there are no copies.
    """
    chosen = _chosen(_wanted(narrowings))
    augmentation = chosen["augmentation"]
    if copies == 0:
        if False not in _values(augmentation):
            raise SpaceError(
                "A backbone's features are computed once, so augmentation needs changed copies of "
                "each image; received training.augmentation = true and families.transfer.copies = "
                "0. Set copies to 1 (mirrored) or more, or leave augmentation to the search."
            )
        hp.Fixed("augmentation", False)
        return
    declare_range(hp, "augmentation", augmentation)
    if copies is None and True in _values(augmentation):
        with when(hp, "augmentation", [True], _values(augmentation)):
            declare_range(hp, "augmentation_strength", chosen["augmentation_strength"])


def _wanted(narrowings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in narrowings.items() if key not in TRAINING_SETTINGS}


def _chosen(wanted: Mapping[str, Any]) -> dict[str, Range]:
    """All ranges but the learning rate's, which depends on the optimiser."""
    defaults = {"learning_rate": _RATES[("adam", "adamw", "rmsprop")]} | _RANGES
    without_rate = {**wanted, "learning_rate": "search"}
    return chosen_ranges(defaults, without_rate, "training")


def _declare_rates(
    hp: keras_tuner.HyperParameters, optimizers: Range, wanted: Mapping[str, Any]
) -> None:
    narrowing = {key: value for key, value in wanted.items() if key == "learning_rate"}
    for names, rates in _RATES.items():
        reached = [name for name in names if name in _values(optimizers)]
        if reached:
            chosen = chosen_ranges({"learning_rate": rates}, narrowing, "training")
            with when(hp, "optimizer", reached, _values(optimizers)):
                declare_range(hp, "learning_rate", chosen["learning_rate"])


def _values(allowed: Range) -> tuple[Value, ...]:
    return allowed.values if isinstance(allowed, Choices) else ()


def paper_training() -> dict[str, Value]:
    """The training hyperparameters of the papers' rows."""
    return {
        "training/optimizer": "adam",
        "training/learning_rate": 1e-3,
        "training/schedule": "constant",
        "training/batch_size": 32,
        "training/weight_decay": 0.0,
        "training/label_smoothing": 0.0,
        "training/augmentation": False,
        "training/patience": 6,
    }
