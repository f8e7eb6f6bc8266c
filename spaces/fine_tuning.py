"""Space of the second, small study: how the winner's top block is trained further.

Paper A gives the top block and the learning rate of 1e-4. Everything else is ours: how far to
unfreeze, a smaller rate for deeper layers, a warm-up and weight decay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spaces.ranges import Choices, Range, Real, declare_range
from spaces.task import Value

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["PAPER_FINE_TUNING", "declare_fine_tuning"]

PAPER_FINE_TUNING: dict[str, Value] = {
    "depth": 1.0,
    "learning_rate": 1e-4,
    "rate_decay": 1.0,
    "warm_up": 0.0,
    "weight_decay": 0.0,
}
"""Paper A's fine-tuning; the first trial of each second study."""

_RANGES: dict[str, Range] = {
    "depth": Choices(values=(0.5, 1.0, 2.0), default=1.0),
    "learning_rate": Real(low=1e-5, high=1e-3, default=1e-4, limits=(1e-7, 1.0), log=True),
    "rate_decay": Choices(values=(0.5, 0.7, 0.85, 1.0), default=1.0),
    "warm_up": Choices(values=(0.0, 0.1, 0.2), default=0.0),
    "weight_decay": Choices(values=(0.0, 1e-5, 1e-4, 1e-3), default=0.0),
}


def declare_fine_tuning() -> keras_tuner.HyperParameters:
    """Declare depth, learning rate, its decay per depth, warm-up and weight decay."""
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    for name, allowed in _RANGES.items():
        declare_range(hp, name, allowed)
    return hp
