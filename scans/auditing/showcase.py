"""Chooses the pairs of copies that a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scans.copies.search import Copies
from scans.copies.twins import Twins, pair_twins
from scans.manifest import Manifest

__all__ = ["Shown", "choose_shown"]

_KINDS = {
    # kind: (list of `TwinPairs`, how many are shown)
    "same picture, two classes": ("label_conflicts", 4),
    "near twins, two classes": ("near_label_conflicts", 4),
    "exact twins across parts": ("exact_twins_across_parts", 4),
    "near twins across parts": ("near_twins_across_parts", 10),
    "copies within a part": ("exact_twins_within_parts", 2),
    "near twins within a part": ("near_twins_within_parts", 4),
}


class Shown(NamedTuple):
    """A pair of copies to be shown, and what it is an example of."""

    kind: str
    twins: Twins


def choose_shown(manifest: Manifest, copies: Copies) -> list[Shown]:
    """Choose a few pairs of each kind, from the least similar to the most similar."""
    pairs = pair_twins(manifest, copies)._asdict()
    return [
        Shown(kind, twins)
        for kind, (name, count) in _KINDS.items()
        for twins in _spread(pairs[name].pairs, count)
    ]


def _spread(twins: Sequence[Twins], count: int) -> list[Twins]:
    """Take every n-th by similarity: the doubtful ones are seen beside the sure ones."""
    ordered = sorted(twins, key=lambda one: (one.similarity or 1.0, one.files))
    if len(ordered) <= count:
        return ordered
    return [ordered[place * (len(ordered) - 1) // (count - 1)] for place in range(count)]
