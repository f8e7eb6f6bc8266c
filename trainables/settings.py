"""The training half of a configuration, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurosweep.errors import SpaceError
from spaces import Value

__all__ = ["COPIES_STRENGTH", "TrainingSettings"]

COPIES_STRENGTH = 0.5
"""Strength of the changes in the copies of images whose features are cached (ours: the middle)."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What `training/…` of a configuration says.

    Attributes:
        optimizer: "adam", "adamw", "sgd" or "rmsprop".
        learning_rate: Highest rate of the schedule.
        schedule: "constant" or "cosine".
        batch_size: Images per step.
        weight_decay: Decoupled: each step takes this share times the learning rate away.
        label_smoothing: Share of the target spread over all classes, 0 to below 1.
        augmentation_strength: 0 (off) to 1.
        patience: Epochs without a better validation score before training stops.
    """

    optimizer: str
    learning_rate: float
    schedule: str
    batch_size: int
    weight_decay: float
    label_smoothing: float
    augmentation_strength: float
    patience: int

    @classmethod
    def read(cls, configuration: Mapping[str, Value]) -> TrainingSettings:
        """Take the training hyperparameters out of a flat configuration.

        Raises:
            SpaceError: One of them is missing.
        """
        augmented = bool(_value(configuration, "augmentation"))
        return cls(
            optimizer=str(_value(configuration, "optimizer")),
            learning_rate=float(_value(configuration, "learning_rate")),
            schedule=str(_value(configuration, "schedule")),
            batch_size=int(_value(configuration, "batch_size")),
            weight_decay=float(_value(configuration, "weight_decay")),
            label_smoothing=float(_value(configuration, "label_smoothing")),
            augmentation_strength=_strength(configuration) if augmented else 0.0,
            patience=int(_value(configuration, "patience")),
        )


def _strength(configuration: Mapping[str, Value]) -> float:
    """How strongly images are changed; heads have no choice, their changed copies are made."""
    if configuration.get("family") == "transfer":
        return COPIES_STRENGTH
    return float(_value(configuration, "augmentation_strength"))


def _value(configuration: Mapping[str, Value], name: str) -> Value:
    """The value of `training/name`."""
    key = f"training/{name}"
    if key not in configuration:
        known = sorted(key for key in configuration if key.startswith("training/"))
        raise SpaceError(
            f"A configuration has a value for {key!r}; received only {known}. "
            "Sample it from a declared space, or add the value."
        )
    return configuration[key]
