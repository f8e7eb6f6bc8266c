"""The small study after the search: what to try next in fine-tuning the winner.

It is thought out anew from the records each time, so that nothing of it has to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState

import spaces
from search.studies.suggestion import trial_seed

__all__ = ["propose_fine_tuning"]

_AT_RANDOM = 3  # trials before TPE's model has anything to say
_MOST_DRAWS = 20

Configuration = Mapping[str, spaces.Value]


def propose_fine_tuning(
    tried: Sequence[tuple[Configuration, float | None]], *, seed: int
) -> dict[str, spaces.Value] | None:
    """What to try next: paper A's setting first, then what TPE proposes; never the same twice.

    Args:
        tried: What was tried, in its order, each with its score, higher is better; None for one
            that failed.
        seed: Of the search.

    Returns:
        None if nothing was drawn that was not tried.
    """
    if not tried:
        return dict(spaces.PAPER_FINE_TUNING)
    space = spaces.declare_fine_tuning()
    # Failures count here: with the seed of the way before, a failed one would be drawn again.
    study = _study(tried, space, seed=trial_seed(seed, len(tried)))
    known = [dict(configuration) for configuration, _ in tried]
    for _ in range(_MOST_DRAWS):
        asked: Any = study.ask()
        proposed = spaces.suggest(asked, space)
        if proposed not in known:
            return proposed
    return None


def _study(
    tried: Sequence[tuple[Configuration, float | None]], space: Any, *, seed: int
) -> optuna.Study:
    """A study in memory that knows what was tried."""
    distributions = {
        key: one for group in spaces.distribution_groups(space) for key, one in group.items()
    }
    sampler = optuna.samplers.TPESampler(multivariate=True, n_startup_trials=_AT_RANDOM, seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for configuration, score in tried:
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.FAIL if score is None else TrialState.COMPLETE,
                params=spaces.optuna_params(configuration, space),
                distributions=distributions,
                value=score,
            )
        )
    return study
