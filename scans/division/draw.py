"""Draws images by class, group after group: a group is drawn as a whole."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError

__all__ = ["Rows", "draw_share", "number_folds"]

_MOST_FOLDS = 20
_CLOSE = 0.005  # a share that so many folds give to within half a point is close enough
_TRIES = 5  # other shuffles, where groups are so large that a class misses its share


class _Off(NamedTuple):
    """How far a choice is from what is asked; the less, the better.

    Attributes:
        one_sided: Classes that stand on one side only.
        most: By how much the share of the class that is farthest off is missed.
    """

    one_sided: int
    most: float


_FARTHEST = _Off(10**9, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What drawing goes by.

    Attributes:
        labels: Class of each image, (images,).
        groups: Number of each image's group, (images,).
    """

    labels: NDArray[np.str_]
    groups: NDArray[np.int32]


def number_folds(
    rows: Rows, among: NDArray[np.int64], *, folds: int, seed: int
) -> NDArray[np.int8]:
    """Number the folds, in the proportions of the classes as far as whole groups allow.

    Args:
        rows: All images.
        among: Positions of those to be numbered.
        folds: At least 2.
        seed: At least 0.

    Returns:
        Fold of each of `among`, 0 to `folds` - 1.

    Raises:
        DataError: A class has fewer groups than there are folds.
    """
    groups_of: dict[str, set[int]] = defaultdict(set)
    for label, group in zip(rows.labels[among], rows.groups[among], strict=True):
        groups_of[str(label)].add(int(group))
    few = {label: len(groups) for label, groups in groups_of.items() if len(groups) < folds}
    if few:
        raise DataError(
            f"Each of {folds} folds must have images of every class, copies of one picture "
            f"together, but different pictures there are only: {_listed(few)}; ask for fewer "
            "folds or add images."
        )
    return _number(rows, among, folds=folds, seed=seed)


def draw_share(
    rows: Rows, among: NDArray[np.int64], *, share: float, seed: int
) -> NDArray[np.int64]:
    """Choose a share of the images, in the proportions of their classes, whole groups of them.

    Of all folds that a few shuffles give, those are chosen whose shares of the classes come
    nearest to what is asked.

    Args:
        rows: All images.
        among: Positions of those to choose from.
        share: Between 0 and 1 (exclusive).
        seed: At least 0.

    Returns:
        Positions of the chosen images, sorted.

    Raises:
        DataError: There are too few images.
    """
    labels, counts = np.unique(rows.labels[among], return_counts=True)
    groups = len(np.unique(rows.groups[among]))
    most = min(_MOST_FOLDS, groups, int(counts.max(initial=0)))
    if most < 2:
        listed = _listed(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
        raise DataError(
            f"A share of {share:.0%} must be drawn from two different pictures of a class at "
            f"least, but there are only: {listed}; add images or change the share."
        )
    best, least = among[:0], _FARTHEST
    for way in _as_folds(share, most):
        chosen, off = _best_of_shuffles(rows, among, way, share=share, seed=seed)
        if off < least:
            best, least = among[chosen], off
        if least.one_sided == 0:
            break  # else fewer and larger folds may do better
    return best


def _best_of_shuffles(
    rows: Rows, among: NDArray[np.int64], way: tuple[int, int], *, share: float, seed: int
) -> tuple[NDArray[np.bool_], _Off]:
    """Return the best choice of so many of so many folds, and by how much it is off."""
    taken, folds = way
    best, off = np.zeros(len(among), dtype=np.bool_), _FARTHEST
    for attempt in range(_TRIES):
        numbered = _number(rows, among, folds=folds, seed=seed + attempt)
        for first in range(folds):
            chosen = (numbered - first) % folds < taken
            found = _off_by(rows.labels[among], chosen, share)
            if found < off:
                best, off = chosen, found
        if off <= _Off(0, _CLOSE):
            break
    return best, off


def _number(rows: Rows, among: NDArray[np.int64], *, folds: int, seed: int) -> NDArray[np.int8]:
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second to import

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = rows.labels[among], rows.groups[among]
    numbered = np.zeros(len(among), dtype=np.int8)
    with warnings.catch_warnings():
        # A class with fewer images than folds: who draws looks at what came out.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, drawn) in enumerate(splitter.split(labels, labels, groups)):
            numbered[drawn] = fold
    return numbered


def _as_folds(share: float, most: int) -> list[tuple[int, int]]:
    """Return ways to take so many of so few folds, 2 to `most`, the best for the share first.

    The fewest folds that come within half a point are the best: 0.2 is 1 of 5, 0.15 is 3 of 20.
    """
    options = [(max(1, round(share * folds)), folds) for folds in range(2, most + 1)]
    possible = [(taken, folds) for taken, folds in options if taken < folds]
    return sorted(possible, key=lambda way: (max(_CLOSE, abs(way[0] / way[1] - share)), way[1]))


def _off_by(labels: NDArray[np.str_], chosen: NDArray[np.bool_], share: float) -> _Off:
    shares = [float(chosen[labels == label].mean()) for label in np.unique(labels)]
    one_sided = sum(one in (0, 1) for one in shares)
    return _Off(one_sided, max(abs(one - share) for one in shares))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {number}" for label, number in sorted(counts.items()))
