"""Samplers on the same landscapes: how far each is from the optimum, trial after trial."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

import spaces
from reports import Status
from search.sampling import Ending, Proposer, Sampler, Seen, key_of

SMALLEST = 1e-6  # regrets below it count as this: their logarithm says nothing more


def ours(landscape: Any, trials: int, seed: int) -> NDArray[np.float64]:
    """Base-10 logarithm of the regret of the best trial so far, after each trial."""
    sampler = Sampler(spaces.distribution_groups(landscape.space), modelled=True, seed=seed)
    seen = Seen(landscape.space, seed=seed)
    proposer = Proposer(landscape.space, sampler, seen)
    values = []
    for _ in range(trials):
        params, configuration = proposer.fresh()
        values.append(landscape.value(configuration))
        seen.add(key_of(configuration))
        ending = Ending(status=Status.COMPLETED, values=(values[-1],))
        sampler.finish(key_of(configuration), params, ending)
    return _regrets(values)


def plain(landscape: Any, trials: int, seed: int) -> NDArray[np.float64]:
    """The same of Optuna's grouped TPE over the whole history, in memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    values = []
    for _ in range(trials):
        trial = study.ask()
        values.append(landscape.value(spaces.suggest(trial, landscape.space)))
        study.tell(trial, values[-1])
    return _regrets(values)


def at_random(landscape: Any, trials: int, seed: int) -> NDArray[np.float64]:
    """The same of random draws."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return _regrets(
        [landscape.value(spaces.suggest(study.ask(), landscape.space)) for _ in range(trials)]
    )


def worse_by_chance(differences: NDArray[np.float64], *, flips: int = 20_000) -> float:
    """One-sided p of a sign-flip test: how often chance alone gives so large a mean difference.

    Args:
        differences: Per seed, ours minus plain; above 0 where ours is worse.
        flips: Random assignments of signs.
    """
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(flips, len(differences)))
    return float(np.mean((signs * differences).mean(axis=1) >= differences.mean()))


def _regrets(values: list[float]) -> NDArray[np.float64]:
    best = np.maximum.accumulate(values)
    return np.log10(np.maximum(-best, SMALLEST))
