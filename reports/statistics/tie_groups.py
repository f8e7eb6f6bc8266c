"""Which models cannot be told from the best of them by the images they were measured on."""

import numpy as np
from numpy.typing import NDArray

from reports.statistics.holm import holm
from reports.statistics.mcnemar import discordant, mcnemar

__all__ = ["ALPHA", "tie_groups"]

ALPHA = 0.05
"""Level at which the comparisons of one step are held together."""


def tie_groups(right: NDArray[np.bool_]) -> list[int]:
    """Number groups of models, each of which holds what its first member does not clearly beat.

    Step 1 compares every model with the first one: McNemar's test on the same images, Holm's
    correction over the comparisons of the step. Whatever is not significantly worse than the first
    is group 1. The next step does the same with the models left over, and so on.

    A group is what the test says, not a stretch of the ranking: a model that is not significantly
    worse than the first belongs to group 1 also where one ranked before it does not, since it
    differs from the first in fewer images. Within a group, members were compared with its first
    one, not with each other.

    Args:
        right: (models, images), whether each model was right on each image; best first.

    Returns:
        The group of each model, from 1.
    """
    groups = [0] * len(right)
    left, number = list(range(len(right))), 0
    while left:
        number += 1
        worse = _worse_than_first(right[left])
        for model, is_worse in zip(left, worse, strict=True):
            if not is_worse:
                groups[model] = number
        left = [model for model, is_worse in zip(left, worse, strict=True) if is_worse]
    return groups


def _worse_than_first(right: NDArray[np.bool_]) -> list[bool]:
    """Whether each is significantly worse than the first, which is not worse than itself."""
    first_only, other_only = discordant(right[0], right[1:])
    pairs = list(zip(first_only.tolist(), other_only.tolist(), strict=True))
    adjusted = holm([mcnemar(*pair) for pair in pairs])
    # Ranked by loss, a later model may be the more accurate one: that is no reason to part them.
    worse = [
        bool(p <= ALPHA) and ours > theirs
        for p, (ours, theirs) in zip(adjusted, pairs, strict=True)
    ]
    return [False, *worse]
