"""What all families of networks have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import keras
import keras_tuner

import spaces
from neurosweep.errors import SpaceError
from spaces import Task, Value
from trainables.block_ends import stage_ends

if TYPE_CHECKING:
    from trainables.layers import Tensor

__all__ = ["Family", "Settings", "softmax"]


class Settings:
    """A family's own hyperparameters, read by their short names."""

    def __init__(self, family: str, values: Mapping[str, Value]) -> None:
        self._family = family
        self._values = values

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self._value(name))

    def real(self, name: str) -> float:
        """A real number."""
        return float(self._value(name))

    def switch(self, name: str) -> bool:
        """A switch."""
        return bool(self._value(name))

    def word(self, name: str) -> str:
        """A choice among names."""
        return str(self._value(name))

    def _value(self, name: str) -> Value:
        key = f"{self._family}/{name}"
        if key not in self._values:
            raise SpaceError(
                f"Building a {self._family} needs a value for {key!r}, received only "
                f"{sorted(self._values)}. Take the configuration from a declared space."
            )
        return self._values[key]


class Family(keras_tuner.HyperModel):  # type: ignore[misc]  # untyped
    """A family of networks; `build` makes one from hyperparameters.

    Args:
        task: Image size, channels and classes.
        weights: "none" for families without pretrained weights; for `transfer` "imagenet",
            "random" or a folder with Keras' own weight files.
        preprocessing: "native" (each backbone's own) or "unit" (0 to 1); custom families ignore
            it, their input is standardised already.

    Attributes:
        name: Key of the family in the registry and scope of its hyperparameters.
        input_range: What `build`'s network takes: "standardised" (mean 0, deviation 1 over the
            training part) or "raw" (0 to 255), both float32 (batch, height, width, channel).
    """

    name: ClassVar[str]
    input_range: ClassVar[str] = "standardised"

    def __init__(self, task: Task, *, weights: str = "none", preprocessing: str = "native") -> None:
        super().__init__(name=type(self).name)
        self.task = task
        self.weights = weights
        self.preprocessing = preprocessing

    def declare_hyperparameters(self, hp: keras_tuner.HyperParameters) -> None:
        """Declare this family's hyperparameters in their default ranges (KerasTuner's hook)."""
        spaces.declare_family(hp, type(self).name, self.task)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build the network, not compiled.

        Args:
            hp: Values under `<family>/…`; without any, the family's defaults are declared on it.

        Returns:
            A model from float32 (batch, height, width, channel) to the classes' probabilities,
            float32 (batch, class) under every precision policy.

        Raises:
            SpaceError: A hyperparameter is missing.
            WeightsError: Pretrained weights are missing.
        """
        own = f"{type(self).name}/"
        if not any(name.startswith(own) for name in hp.values):
            self.declare_hyperparameters(hp)
        return self.network(Settings(type(self).name, hp.values))

    @abstractmethod
    def network(self, settings: Settings) -> keras.Model:
        """Build the network from the family's own hyperparameters."""

    @abstractmethod
    def top_block(self, model: keras.Model) -> tuple[str, ...]:
        """Names of the layers that fine-tuning unfreezes: the last stage and the head.

        Never empty, never everything; each has weights. Networks are flat, so each name is that
        of a layer in `model.layers`.
        """

    def block_ends(self, model: keras.Model) -> tuple[str, ...]:
        """Names of the layers at which the network's blocks end, in their order.

        Their feature maps are shown, before the pool that closes a block, as paper B shows them.
        """
        return stage_ends(model)

    def _weighted(self, model: keras.Model, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the layers with weights whose names start with one of the prefixes."""
        return tuple(
            layer.name
            for layer in model.layers
            if layer.weights and layer.name.startswith(prefixes)
        )


def softmax(features: Tensor, classes: int) -> Tensor:
    """The last layer: probabilities of the classes, float32 under every precision policy."""
    return keras.layers.Dense(classes, activation="softmax", dtype="float32", name="softmax")(
        features
    )
