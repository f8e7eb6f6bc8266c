"""Spaces of a few hyperparameters."""

from typing import Any

import keras_tuner
import numpy as np

import spaces
from reports import Status
from search.sampling import Ending, Proposer, Sampler, Seen, key_of


def kinds() -> Any:
    """Four kinds, each with a number of its own, and one number for all."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c", "d"])
    hp.Float("common", 0.0, 1.0)
    for kind in "abcd":
        with hp.conditional_scope("kind", [kind]):
            hp.Float(f"own_{kind}", 0.0, 1.0)
    return hp


def one_group() -> Any:
    """The four kinds and a number: cheap to draw from."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c", "d"])
    hp.Float("common", 0.0, 1.0)
    return hp


def finite() -> Any:
    """Seven configurations."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("whole", 1, 3)
    with hp.conditional_scope("kind", ["b"]):
        hp.Boolean("flag")
        hp.Choice("size", [8, 16])
    hp.Fixed("fixed", 5)
    return hp


def completed(*values: float, violations: tuple[float, ...] = ()) -> Ending:
    return Ending(status=Status.COMPLETED, values=values, violations=violations)


def pruned(step: int, score: float) -> Ending:
    return Ending(status=Status.PRUNED, values=(score,), step=step)


FAILED = Ending(status=Status.FAILED, reason="out of memory")


class Driven:
    """A sampler with what it proposed, driven without a journal."""

    def __init__(self, space: Any, *, seed: int = 0, signs: tuple[int, ...] = (1,)) -> None:
        self.sampler = Sampler(
            spaces.distribution_groups(space), modelled=True, seed=seed, signs=signs
        )
        self.seen = Seen(space, seed=seed)
        self.proposer = Proposer(space, self.sampler, self.seen)
        self.rng = np.random.default_rng(seed)

    def ask(self) -> tuple[dict[str, Any], dict[str, Any]]:
        drawn = self.proposer.fresh()
        assert drawn is not None
        self.seen.add(key_of(drawn[1]))
        self.sampler.begin(key_of(drawn[1]), drawn[0])
        return drawn

    def tell(self, drawn: tuple[dict[str, Any], dict[str, Any]], ending: Ending) -> None:
        self.sampler.finish(key_of(drawn[1]), drawn[0], ending)
