"""A configuration to train, under the number it has in the study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

import spaces
from spaces.bridge import CONFIGURATION_ATTRIBUTE

__all__ = ["Suggestion", "suggestion_of", "trial_id_of", "trial_seed"]


def trial_id_of(number: int) -> str:
    """Returns a trial's name in files and tables, such as t0007 for number 7."""
    return f"t{number:04d}"


def number_of(trial_id: str) -> int:
    """Returns the number that a name of `trial_id_of` stands for."""
    return int(trial_id.removeprefix("t"))


def trial_seed(seed: int, number: int) -> int:
    """Returns the training seed of trial `number`, in [0, 2**31), fixed by the search's seed."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A configuration to train, with the number it has in the study.

    Attributes:
        number: The trial's number, from 0.
        configuration: The flat mapping of active hyperparameters.
        origin: `sampler`, `repeat`, or what it was enqueued as, such as `paper`.
        note: What the configuration is, where it has a name of its own, else "".
        repeat_of: Number of the trial that this one repeats, or None.
    """

    number: int
    configuration: dict[str, spaces.Value]
    origin: str
    note: str
    repeat_of: int | None = None

    @property
    def trial_id(self) -> str:
        """The trial's name in files and tables."""
        return trial_id_of(self.number)


def suggestion_of(frozen: FrozenTrial) -> Suggestion:
    """The suggestion that a trial of the journal was made for."""
    attributes = frozen.user_attrs
    return Suggestion(
        number=frozen.number,
        configuration=dict(attributes[CONFIGURATION_ATTRIBUTE]),
        origin=str(attributes.get("origin", "sampler")),
        note=str(attributes.get("note", "")),
        repeat_of=attributes.get("repeat_of"),
    )
