"""Proposes configurations at a cost that does not grow with the history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState, create_trial

from search.sampling.ending import Ending, Standing, Tier, standing_of
from search.sampling.group_study import GroupStudy
from search.sampling.proposal import Proposal
from search.sampling.ranking import ranking_for

__all__ = ["Sampler"]

_RANDOM_FIRST = 10
"""Configurations that must be known before any is modelled, as in Optuna."""

_MOST_BELOW = 25
"""Trials that count as good: a tenth of all, at most these, as in Optuna."""

_SHOWN = 256
"""Finished trials that one group is shown when its study is filled."""

_SHOWN_RUNNING = 64
"""Running trials that one group is shown when its study is filled, the latest of them."""

_FULL = 384
"""Trials in a group's study, spent ones included, at which it is filled anew."""

Params = Mapping[str, Any]


@dataclass
class _Known:
    """A configuration of which at least one training has ended."""

    number: int
    parts: dict[int, Params]  # parameters by group
    standing: Standing
    endings: list[Ending] = field(default_factory=list)


class Sampler:
    """TPE over a window of the history, group by group; or random.

    Each group of hyperparameters that exist together has a small study in memory. It is shown
    those of its trials that are among the best 25 of the whole history, which plain TPE would
    count as good, an even spread over the age of all others, what ended since, and the trials
    that are running.

    A failed configuration ranks below all others and never counts as good, so its neighbourhood
    is avoided. One that was trained several times is shown once, with its mean.
    """

    def __init__(
        self,
        groups: Sequence[Mapping[str, BaseDistribution]],
        *,
        modelled: bool,
        seed: int,
        signs: Sequence[int] = (1,),
    ) -> None:
        """Begins knowing nothing.

        Args:
            groups: As `spaces.distribution_groups` gives them.
            modelled: TPE; else all is drawn at random.
            seed: At least 0; the same seed and the same calls give the same proposals.
            signs: Per objective 1 where greater is better, -1 where smaller is.
        """
        self._groups = groups
        self._group_of = {key: index for index, group in enumerate(groups) for key in group}
        self._modelled = modelled
        self._seed = seed
        self._signs = tuple(signs)
        self._studies = [GroupStudy(group) for group in groups]
        self._stale = set(range(len(groups)))
        self._refills = 0
        self._random = optuna.samplers.RandomSampler(seed=_seed(seed, 0))
        self._nowhere = optuna.create_study(), create_trial(state=TrialState.RUNNING)
        self._known: dict[str, _Known] = {}
        self._members: list[list[_Known]] = [[] for _ in groups]
        self._by_number: list[_Known] = []
        self._ranking = ranking_for(len(self._signs))
        self._best: dict[int, _Known] = {}
        self._running: dict[str, dict[int, Params]] = {}

    def propose(self, *, at_random: bool = False) -> Proposal:
        """A proposal to be asked by `spaces.suggest`."""
        if at_random or not self._modelled or len(self._known) < _RANDOM_FIRST:
            return Proposal(self._group_of, self._drawn)
        self._update_best()
        return Proposal(self._group_of, self._from_model)

    def begin(self, key: str, params: Params) -> None:
        """Notes that a configuration is being trained."""
        if key in self._known or key in self._running or not self._modelled:
            return
        self._running[key] = parts = self._parts(params)
        for group in parts.keys() - self._stale:
            self._studies[group].hold(key, parts[group])

    def forget(self, key: str) -> None:
        """Takes back `begin`."""
        for group in self._running.pop(key, {}):
            self._studies[group].release(key)

    def finish(self, key: str, params: Params, ending: Ending) -> None:
        """Learns how a training of a configuration ended; nothing of one that hardly began."""
        if not self._modelled:
            return
        self.forget(key)
        if ending.says_nothing:
            return
        known = self._known.get(key)
        if known is None:
            self._add(key, self._parts(params), ending)
        else:
            self._change(known, ending)

    def _add(self, key: str, parts: dict[int, Params], ending: Ending) -> None:
        standing = standing_of([ending], self._signs)
        known = _Known(len(self._by_number), parts, standing, [ending])
        self._known[key] = known
        self._by_number.append(known)
        self._ranking.add(known.number, standing)
        for group, part in parts.items():
            self._members[group].append(known)
            if group not in self._stale:
                self._studies[group].add(part, self._shown_as(known))

    def _change(self, known: _Known, ending: Ending) -> None:
        self._ranking.remove(known.number, known.standing)
        known.endings.append(ending)
        known.standing = standing_of(known.endings, self._signs)
        self._ranking.add(known.number, known.standing)
        self._stale |= known.parts.keys()

    def _update_best(self) -> None:
        """Finds the trials that count as good; those that failed never do."""
        count = min(math.ceil(0.1 * len(self._known)), _MOST_BELOW)
        ranked = (self._by_number[number] for number in self._ranking.best(count))
        best = {known.number: known for known in ranked if known.standing.tier is not Tier.FAILED}
        if len(self._signs) > 1:
            # What is shown of one depends on the others: it is among the best, or it is not.
            for number in best.keys() ^ self._best.keys():
                self._stale |= self._by_number[number].parts.keys()
        self._best = best

    def _from_model(self, group: int) -> dict[str, Any]:
        study = self._studies[group]
        best = [known for known in self._best.values() if group in known.parts]
        if group in self._stale or study.size >= _FULL:
            self._refill(group, best)
        study.below = len(best)
        return study.ask()

    def _refill(self, group: int, best: list[_Known]) -> None:
        members = self._members[group]
        spread = np.linspace(0, len(members) - 1, min(len(members), _SHOWN - len(best)))
        chosen = {known.number: known for known in best}
        chosen.update((members[round(place)].number, members[round(place)]) for place in spread)
        shown = [self._by_number[number] for number in sorted(chosen)]
        latest = [item for item in reversed(self._running.items()) if group in item[1]]
        self._refills += 1
        self._studies[group].refill(
            [(known.parts[group], self._shown_as(known)) for known in shown],
            [(key, parts[group]) for key, parts in reversed(latest[:_SHOWN_RUNNING])],
            seed=_seed(self._seed, 1, self._refills),
        )
        self._stale.discard(group)

    def _shown_as(self, known: _Known) -> Standing:
        if len(self._signs) == 1 or known.standing.tier is not Tier.COMPLETED:
            return known.standing
        return Standing(Tier.COMPLETED, float(known.number in self._best))

    def _drawn(self, group: int) -> dict[str, Any]:
        return {
            key: self._random.sample_independent(*self._nowhere, key, distribution)
            for key, distribution in self._groups[group].items()
        }

    def _parts(self, params: Params) -> dict[int, Params]:
        parts: dict[int, dict[str, Any]] = {}
        for key, value in params.items():
            parts.setdefault(self._group_of[key], {})[key] = value
        return dict(parts)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
