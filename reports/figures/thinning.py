"""What is drawn of a list that is too long to be drawn."""

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["best_and_spread", "evenly"]

_T = TypeVar("_T")


def evenly(items: Sequence[_T], most: int) -> list[_T]:
    """Take at most `most` items, evenly spread over the list, in its order."""
    if len(items) <= most:
        return list(items)
    return [items[number * len(items) // most] for number in range(most)]


def best_and_spread(items: Sequence[_T], most: int) -> list[_T]:
    """Take at most `most` items of a list that has the best first, in its order.

    Half of them are the first ones, the others evenly spread over the rest, so that what is drawn
    shows both the best and what all others are like.
    """
    if len(items) <= most:
        return list(items)
    head = (most + 1) // 2
    return [*items[:head], *evenly(items[head:], most - head)]
