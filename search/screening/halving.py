"""Successive halving: who goes on, and how much of the training data each round looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Round", "rounds_of"]


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round.

    Attributes:
        number: From 1.
        of: Rounds in all.
        share: Of the training images that are looked at, above 0; 1 in the last round.
        survivors: How many go on after it, or are kept after the last.
    """

    number: int
    of: int
    share: float
    survivors: int


def rounds_of(candidates: int, keep: int) -> list[Round]:
    """The rounds that leave `keep` of so many candidates; each halves them and doubles the data.

    Args:
        candidates: At least 1.
        keep: At least 1.

    Example:
        >>> [(one.share, one.survivors) for one in rounds_of(13, 4)]
        [(0.25, 7), (0.5, 4), (1.0, 4)]
    """
    left = [candidates]
    while left[-1] > keep:
        left.append(max(keep, math.ceil(left[-1] / 2)))
    after = [*left[1:], min(candidates, keep)]
    count = len(after)
    return [
        Round(number=number, of=count, share=0.5 ** (count - number), survivors=survivors)
        for number, survivors in enumerate(after, 1)
    ]
