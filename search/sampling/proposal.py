"""A configuration being put together: answers a space's questions as an Optuna trial does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.distributions import CategoricalChoiceType

__all__ = ["Proposal"]


class Proposal:
    """Draws a group of parameters when the first of them is asked for.

    Attributes:
        params: What was asked for, by Optuna's name of it.
        user_attrs: What the space keeps beside them.
    """

    def __init__(
        self, group_of: Mapping[str, int], draw: Callable[[int], Mapping[str, Any]]
    ) -> None:
        """Makes an empty proposal.

        Args:
            group_of: The group of each parameter.
            draw: Gives all parameters of a group.
        """
        self._group_of = group_of
        self._draw = draw
        self._drawn: dict[str, Any] = {}
        self.params: dict[str, Any] = {}
        self.user_attrs: dict[str, Any] = {}

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The drawn whole number."""
        del low, high, step, log  # known to the group
        return int(self._answer(name))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """The drawn real number."""
        del low, high, log
        return float(self._answer(name))

    def suggest_categorical(
        self, name: str, choices: Sequence[CategoricalChoiceType]
    ) -> CategoricalChoiceType:
        """The drawn choice."""
        del choices
        answer: CategoricalChoiceType = self._answer(name)
        return answer

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps a value beside the parameters."""
        self.user_attrs[key] = value

    def _answer(self, name: str) -> Any:
        if name not in self._drawn:
            self._drawn.update(self._draw(self._group_of[name]))
        self.params[name] = self._drawn[name]
        return self.params[name]
