"""One Optuna study in memory over hyperparameters that exist together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.sampling.ending import Standing, Tier

__all__ = ["GroupStudy"]

Params = Mapping[str, Any]


class GroupStudy:
    """What TPE is shown of one group, and asked for.

    The sampler works as Optuna's grouped TPE does, but for two things: the groups follow from the
    space, so that only those a configuration has are drawn, and how many trials count as good is
    told from outside, because this study holds a part of the history.

    Attributes:
        below: How many of the finished trials in here are among the best of the whole history.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        """Makes an empty study.

        Args:
            distributions: What each parameter of the group is drawn from.
        """
        self._distributions = dict(distributions)
        self._held: dict[str, int] = {}
        self.size = 0
        self.below = 0
        self.refill((), (), seed=0)

    def refill(
        self,
        finished: Iterable[tuple[Params, Standing]],
        running: Iterable[tuple[str, Params]],
        *,
        seed: int,
    ) -> None:
        """Begins anew with these trials, older ones first.

        Args:
            finished: Parameters and standing of each.
            running: Key and parameters of each.
            seed: Seed of what is drawn from here on, in [0, 2**32).
        """
        self._study = optuna.create_study(direction="maximize", sampler=self._sampler(seed))
        self._held = {}
        self.size = 0
        for params, standing in finished:
            self.add(params, standing)
        for key, params in running:
            self.hold(key, params)

    def ask(self) -> dict[str, Any]:
        """Draws the group's parameters; nothing of it stays but the generator's state."""
        trial = self._study.ask(self._distributions)
        self._study.tell(trial, state=TrialState.FAIL)
        self.size += 1
        return trial.params

    def add(self, params: Params, standing: Standing) -> None:
        """Adds a finished trial."""
        self._append(_finished(params, self._distributions, standing))

    def hold(self, key: str, params: Params) -> None:
        """Notes that a trial is running here, so that others are drawn elsewhere."""
        if key not in self._held:
            self._held[key] = self.size
            distributions = self._distributions
            self._append(
                create_trial(
                    state=TrialState.RUNNING, params=dict(params), distributions=distributions
                )
            )

    def release(self, key: str) -> None:
        """Forgets that a trial is running, if it was known."""
        number = self._held.pop(key, None)
        if number is not None:
            self._study.tell(number, state=TrialState.FAIL)

    def _append(self, trial: FrozenTrial) -> None:
        self._study.add_trial(trial)
        self.size += 1

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            # `gamma` is deprecated and has no successor; the versions we allow all have it.
            warnings.simplefilter("ignore", FutureWarning)
            return optuna.samplers.TPESampler(
                multivariate=True, n_startup_trials=0, gamma=lambda _: self.below, seed=seed
            )


def _finished(
    params: Params, distributions: dict[str, BaseDistribution], standing: Standing
) -> FrozenTrial:
    """A trial that TPE ranks as the standing says: the tiers are its own, from above."""
    known: dict[str, Any] = {"params": dict(params), "distributions": distributions}
    if standing.tier is Tier.COMPLETED:
        return create_trial(value=standing.merit, **known)
    if standing.tier is Tier.PRUNED:
        reported = {int(standing.merit): standing.score} if standing.score > -math.inf else {}
        return create_trial(state=TrialState.PRUNED, intermediate_values=reported, **known)
    # A failure is worse than any violation.
    violated = -standing.merit if standing.tier is Tier.INFEASIBLE else math.inf
    return create_trial(value=0.0, constraints={"violated": violated}, **known)
