"""The part of a space that the sampler proposes from: what a screening left of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FixedTrial

import spaces
from neurosweep.errors import RunDirectoryError, SpaceError

__all__ = ["Explored", "canonical"]

Params = Mapping[str, Any]


class Explored:
    """A space, and a narrower one that proposals come from.

    Trials outside the narrower one, such as the papers' rows of backbones that were screened out,
    are in the journal as all others are. The sampler is not shown them.

    Attributes:
        space: What proposals come from.
    """

    def __init__(self, whole: Any, space: Any | None) -> None:
        """Takes two spaces.

        Args:
            whole: All configurations that the study may hold.
            space: What proposals come from; None for all of it.
        """
        self.space = whole if space is None else space
        self._whole = whole
        self._is_narrower = space is not None
        groups = spaces.distribution_groups(whole)
        self._distributions = {key: one for group in groups for key, one in group.items()}
        self._checked: set[tuple[frozenset[str], frozenset[str]]] = set()

    def distributions(self, params: Params) -> dict[str, BaseDistribution]:
        """What parameters of the whole space are drawn from."""
        return {key: self._distributions[key] for key in params}

    def check(self, configuration: Mapping[str, spaces.Value], params: Params) -> None:
        """Refuses a trial of the journal that is not of the whole space, by the first of its kind.

        An earlier version of this program may have named hyperparameters otherwise, or had others:
        its trials cannot be gone on from.

        Raises:
            RunDirectoryError: The configuration, or one of the parameters, is not of the space.
        """
        names = frozenset(configuration), frozenset(params)
        if (
            names in self._checked
        ):  # to check one takes a millisecond, and a journal holds thousands
            return
        try:
            spaces.validate(configuration, self._whole)
        except SpaceError as error:
            raise _of_another_space(str(error)) from None
        unknown = sorted(params.keys() - self._distributions.keys())
        if unknown:
            raise _of_another_space(f"{unknown[0]!r} is none of its parameters.")
        self._checked.add(names)

    def seen_by_sampler(
        self, configuration: Mapping[str, spaces.Value], params: Params
    ) -> Params | None:
        """A trial's parameters as the sampler knows them; None if it is outside what it explores.

        Args:
            configuration: The trial's.
            params: The same in the whole space.
        """
        if not self._is_narrower:
            return params
        try:
            return canonical(configuration, self.space)[0]
        except SpaceError:
            return None

    def proposed(
        self, params: Params, configuration: Mapping[str, spaces.Value]
    ) -> tuple[Params, Mapping[str, spaces.Value]]:
        """A proposal as the journal has it: parameters of the whole space."""
        return (
            canonical(configuration, self._whole) if self._is_narrower else (params, configuration)
        )


def _of_another_space(why: str) -> RunDirectoryError:
    return RunDirectoryError(
        "A run goes on over the space that it was begun with; its journal holds a trial of another "
        f"one: {why} The run was begun by an earlier version of this program, or over another "
        "space. Begin a new run with another --output; --warm-start lets it learn from this one if "
        "their spaces are equal."
    )


def canonical(
    configuration: Mapping[str, spaces.Value], space: Any
) -> tuple[dict[str, Any], dict[str, spaces.Value]]:
    """Optuna's parameters, and the configuration as a suggestion would have it.

    Raises:
        SpaceError: It is not a configuration of the space.
    """
    drawn = FixedTrial(spaces.optuna_params(configuration, space))
    asked = spaces.suggest(drawn, space)
    return dict(drawn.params), asked
