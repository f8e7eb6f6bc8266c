"""Adam and AdamW whose step is one operation of TensorFlow's per variable.

Keras writes the step as a dozen operations. On variables as small as a head's each of them waits
for its threads longer than it computes: half of a head's step, and much more on a busy machine.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from trainables.layers import Tensor

__all__ = ["FusedAdam", "FusedAdamW"]


class _FusedStep(keras.optimizers.Adam):  # type: ignore[misc]  # Keras ships no types
    """Keras' rule for one variable; the same variables, so that states go from one to the other."""

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """Moves one variable, its momentum and its velocity."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        beta_1, beta_2 = (tf.constant(b, variable.dtype) for b in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )


class FusedAdam(_FusedStep):
    """Adam."""


class FusedAdamW(_FusedStep, keras.optimizers.AdamW):  # type: ignore[misc]  # Keras ships no types
    """AdamW: its decay is Keras', which precedes the step."""
