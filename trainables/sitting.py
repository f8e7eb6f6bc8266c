"""A training run over several sittings: where one goes on, and what the next needs of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import keras
from numpy.typing import NDArray

from neurosweep.errors import StateError
from trainables.checkpoint import TrainingState
from trainables.results import EpochRecord

__all__ = ["Keep", "Sitting", "restore", "variables_of"]

Keep: TypeAlias = Callable[[Callable[[], bytes]], None]
"""Called before each epoch is reported that another one may follow, with a function that makes the
state after it; calling that function is what costs time."""


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """One sitting of a training run.

    Attributes:
        made_for: What decides the figures, as `checkpoint.made_for` gives it.
        earlier: The state in which the sitting before left the run; None at the beginning.
        keep: Takes states; None keeps none.
        started: When this sitting began, on the clock of `time.perf_counter`.
    """

    made_for: Mapping[str, Any] = field(default_factory=dict)
    earlier: TrainingState | None = None
    keep: Keep | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def history(self) -> Sequence[EpochRecord]:
        """The epochs of earlier sittings."""
        return [] if self.earlier is None else self.earlier.history

    @property
    def seconds_before(self) -> float:
        """Seconds of earlier sittings."""
        return 0.0 if self.earlier is None else self.earlier.seconds


def variables_of(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """What changes while a compiled model is trained: its own variables, and its optimiser's.

    The model's include the random generators of dropout and augmentation, which `weights` lack.
    """
    return list(model.variables), list(model.optimizer.variables)


def restore(model: keras.Model, state: TrainingState) -> None:
    """Set a freshly compiled model to a state.

    Raises:
        StateError: The state is of another model.
    """
    groups = zip(variables_of(model), (state.model, state.optimizer), strict=True)
    pairs = [pair for variables, arrays in groups for pair in _paired(variables, arrays)]
    for variable, array in pairs:
        variable.assign(array)


def _paired(
    variables: Sequence[Any], arrays: Sequence[NDArray[Any]]
) -> list[tuple[Any, NDArray[Any]]]:
    """Variables with their values, after shapes and types were compared."""
    ours = [(tuple(one.shape), keras.backend.standardize_dtype(one.dtype)) for one in variables]
    theirs = [(array.shape, array.dtype.name) for array in arrays]
    if ours != theirs:
        differing = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
        what = f"{len(theirs)} arrays for {len(ours)}" if not differing else str(differing[0])
        raise StateError(
            "A kept state fits the model it was made for, variable by variable; received "
            f"{what} (wanted and found). The trial starts anew."
        )
    return list(zip(variables, arrays, strict=True))
