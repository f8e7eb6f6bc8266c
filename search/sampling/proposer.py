"""Configurations that were not handed out before."""

from __future__ import annotations

from typing import Any

import spaces
from search.sampling.sampler import Sampler
from search.sampling.seen import Seen, key_of

__all__ = ["Proposer"]

_MODEL_DRAWS = 4
_RANDOM_DRAWS = 8
"""Proposals that may turn out to be known, before what is left of the space is gone through."""

Drawn = tuple[dict[str, Any], dict[str, spaces.Value]]


class Proposer:
    """Asks the sampler for what is not known yet."""

    def __init__(self, space: Any, sampler: Sampler, seen: Seen) -> None:
        """Proposes from a space.

        Args:
            space: A space as `spaces.declare_space` returns it.
            sampler: Draws.
            seen: What may not be proposed.
        """
        self._space = space
        self._sampler = sampler
        self._seen = seen

    def fresh(self) -> Drawn | None:
        """Optuna's parameters and the configuration; None once every configuration is known.

        What a few draws do not find, going through the space does: None is never a matter of luck.
        """
        if self._seen.used_up:
            return None
        refused: list[str] = []
        found = None
        while found is None and len(refused) < _MODEL_DRAWS + _RANDOM_DRAWS:
            found = self._draw(refused)
        for name in refused:
            self._sampler.forget(name)
        return found or self._left()

    def _draw(self, refused: list[str]) -> Drawn | None:
        """One draw; a known one is treated as running for now, so that the next is elsewhere."""
        proposal = self._sampler.propose(at_random=len(refused) >= _MODEL_DRAWS)
        configuration = spaces.suggest(proposal, self._space)
        if key_of(configuration) not in self._seen:
            return proposal.params, configuration
        refused.append(f"refused {len(refused)}")
        self._sampler.begin(refused[-1], proposal.params)
        return None

    def _left(self) -> Drawn | None:
        configuration = self._seen.unseen()
        if configuration is None:
            return None
        return spaces.optuna_params(configuration, self._space), configuration
