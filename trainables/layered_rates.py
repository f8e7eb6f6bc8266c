"""Adam with a learning rate per layer: the deeper a layer, the smaller its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from trainables.layers import Tensor

__all__ = ["LayeredAdam"]


class LayeredAdam(keras.optimizers.Adam):  # type: ignore[misc]  # untyped
    """Adam whose rate is multiplied by a factor for each variable.

    With factors of 1 its steps are Adam's to the last digit. Weight decay, which Keras applies
    beside the step, has the rate without the factor.
    """

    def __init__(self, learning_rate: Any, factors: Mapping[str, float], **options: Any) -> None:
        """Adam with factors.

        Args:
            learning_rate: A number or a Keras schedule.
            factors: By the path of a variable; 1 for those that are not named.
            options: Adam's own.
        """
        super().__init__(learning_rate, **options)
        self._factors = dict(factors)

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """One variable's step."""
        # TensorFlow's own variable comes in; it is Keras' that has a path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        factor = self._factors.get(path, 1.0)
        super().update_step(gradient, variable, learning_rate * factor)
