"""How good the best of many models really is, though the same images chose it and measured it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.intervals import wilson_interval
from reports.statistics.resampling import draw_counts, interval_of

__all__ = ["RESAMPLES", "SEED", "Answers", "Corrected", "correct_for_choice"]

RESAMPLES = 1000
"""Resamples of the images: their mean varies by a thirtieth of what a single one does."""

SEED = 0

_COLUMNS = 250  # resamples in one product of matrices


@dataclass(frozen=True, eq=False)
class Answers:
    """What some of the models said.

    Attributes:
        right: (models, images), whether each was right.
        losses: (models, images) float32, -ln of the probability of the true class.
    """

    right: NDArray[np.bool_]
    losses: NDArray[np.float32]


@dataclass(frozen=True)
class Corrected:
    """The accuracy to expect of a model chosen in this way.

    Attributes:
        estimate: Mean accuracy over the resamples, 0 to 1 inclusive.
        low: Lower bound of the 95 % interval; `high` the upper.
    """

    estimate: float
    low: float
    high: float


def correct_for_choice(
    blocks: Iterable[Answers], groups: NDArray[np.int64], *, by_loss: bool = False
) -> Corrected:
    """Estimate the chosen model's accuracy by choosing again and again.

    The bootstrap bias correction of Tsamardinos, Greasidou and Borboudakis (2018, Machine Learning
    107:1895, algorithm BBC-CV), with the predictions for one set of validation images in place of
    the pooled ones of cross-validation: draw images with replacement, choose the best model on
    those drawn, score it on those not drawn; the mean of the scores is the estimate, and their
    percentiles its interval. About 37 % of the images are not drawn, so that the interval is wider
    than one for all images would be. Where nearly all answers are right the scores hardly differ,
    and say nothing of how few images there were: the interval is never narrower than Wilson's of
    the estimate with as many images.

    The choice is the run's own: most images right, ties by the lower loss, or the other way round.
    Images that belong together are drawn together.

    Args:
        blocks: The models, a few at a time; memory holds one block and a bit for each answer.
        groups: (images,), numbers that images which belong together share; at least two of them.
        by_loss: Whether the lowest loss is chosen, ties by the most images right.

    Raises:
        ValueError: There is no model, or there are fewer than two groups.
    """
    _, group_of = np.unique(groups, return_inverse=True)
    number = int(group_of.max()) + 1 if len(group_of) else 0
    if number < 2:
        raise ValueError(f"images of at least two groups are needed; received {number}")
    drawn = np.concatenate(
        [
            # No group is drawn 256 times: of as many groups that happens once in 1e500 draws.
            counts.astype(np.uint8)
            for counts in draw_counts(number, resamples=RESAMPLES, seed=SEED)
        ]
    )
    weights = drawn[:, group_of].T  # (images, resamples)
    race = _Race(weights, by_loss=by_loss)
    for block in blocks:
        race.enter(block)
    scores = race.scores()
    estimate = float(scores.mean())
    low, high = interval_of(scores)
    least, most = wilson_interval(estimate, len(group_of))
    return Corrected(estimate, min(low, least), max(high, most))


class _Race:
    """The best model so far on each resample."""

    def __init__(self, weights: NDArray[np.uint8], *, by_loss: bool) -> None:
        resamples = weights.shape[1]
        self._weights = weights
        self._by_loss = by_loss
        self._best = np.full((2, resamples), np.inf, np.float32)  # lower is better, the first first
        self._chosen = np.full(resamples, -1)
        self._bits: list[NDArray[np.uint8]] = []
        self._models = 0

    def enter(self, block: Answers) -> None:
        """Let some more models compete on every resample."""
        right, losses = block.right.astype(np.float32), block.losses.astype(np.float32)
        for begin in range(0, self._weights.shape[1], _COLUMNS):
            columns = slice(begin, begin + _COLUMNS)
            weights = self._weights[:, columns].astype(np.float32)
            # Numbers of images below 2^24 are exact in float32.
            keys = [-(right @ weights), losses @ weights]
            self._compete(columns, *(reversed(keys) if self._by_loss else keys))
        self._bits.append(np.packbits(block.right, axis=1))
        self._models += len(block.right)

    def _compete(
        self, columns: slice, first: NDArray[np.float32], second: NDArray[np.float32]
    ) -> None:
        leading = first.min(axis=0)
        settled = np.where(first == leading, second, np.inf)
        winner, runner = settled.argmin(axis=0), settled.min(axis=0)
        best_first, best_second = self._best[:, columns]
        better = (leading < best_first) | ((leading == best_first) & (runner < best_second))
        best_first[better], best_second[better] = leading[better], runner[better]
        self._chosen[columns][better] = self._models + winner[better]

    def scores(self) -> NDArray[np.float64]:
        """The accuracy of each resample's choice on the images that were not drawn there."""
        if self._models == 0:
            raise ValueError("at least one model is needed to choose from; received none")
        bits, images = np.concatenate(self._bits), len(self._weights)
        scores = []
        for model in np.unique(self._chosen):
            right = np.unpackbits(bits[model], count=images).astype(np.float64)
            left_out = self._weights[:, self._chosen == model] == 0
            known = left_out.any(axis=0)  # of very few groups a draw may take all
            scores.append((right @ left_out)[known] / left_out.sum(axis=0)[known])
        return np.concatenate(scores)
