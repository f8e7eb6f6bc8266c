"""What a record says of a linear probe: how the backbones of a screening were compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurosweep.errors import RunDirectoryError

__all__ = ["Probe"]

_WHOLE = ("train_images", "round", "rounds")


@dataclass(frozen=True)
class Probe:
    """A linear classifier on a backbone's frozen features; None where nothing is recorded.

    Attributes:
        c: Inverse strength of its regularisation, above 0.
        cv_accuracy: Accuracy over the folds by which `c` was chosen, 0 to 1 inclusive.
        train_images: Training images it was fitted to, at least 1.
        round: The last round of halving that it took part in, from 1; `rounds` are all of them.
    """

    c: float | None = None
    cv_accuracy: float | None = None
    train_images: int | None = None
    round: int | None = None
    rounds: int | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any] | None) -> "Probe":
        """Read a record's `probe`; keys that are not known here are left to others.

        Raises:
            RunDirectoryError: A figure is of another kind, or outside its bounds.
        """
        told = told or {}
        figures = {name: told[name] for name in cls.__dataclass_fields__ if name in told}
        for name, value in figures.items():
            if value is not None and not _holds(name, value):
                raise _refused(name, value)
        probe = cls(**figures)
        if (probe.round or 1) > (probe.rounds or probe.round or 1):
            raise _refused("round", probe.round)
        return probe

    @property
    def was_dropped(self) -> bool:
        """Whether rounds followed in which it had no part."""
        return self.round is not None and self.rounds is not None and self.round < self.rounds


def _holds(name: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if name in _WHOLE:
        return isinstance(value, int) and value >= 1
    return 0 <= value <= 1 if name == "cv_accuracy" else 0 < value < float("inf")


def _refused(name: str, value: object) -> RunDirectoryError:
    return RunDirectoryError(
        "a probe has c above 0, cv_accuracy from 0 to 1, whole numbers from 1 as train_images, "
        f"round and rounds, and round is at most rounds; received {value!r} as {name}. "
        "Was trials.jsonl edited?"
    )
