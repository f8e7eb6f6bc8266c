"""An axis for the values of one hyperparameter, whatever they are: numbers, words, yes and no."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

from reports.figures.axis import Axis
from reports.records import Value
from reports.wording import printable, setting

__all__ = ["MOST_WORDS", "Tick", "ValueAxis", "is_number"]

MOST_WORDS = 24
"""An axis of words has at most this many places; rarer words share one."""

_OTHERS = "others"
_WIDE, _NEAR = 8.0, 0.35  # the factor and the place of the middle that ask for a logarithmic axis
_FEW = 6  # so many different numbers are ticks by themselves
_LARGEST = 1e300

Tick = tuple[float, str]
"""A place from 0 to 1 and what is written there."""


def is_number(value: Value) -> bool:
    """Tell whether a value has a place on a line: no yes or no, and within what can be counted."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


@dataclass(frozen=True)
class ValueAxis:
    """Where values stand, from 0 to 1.

    Attributes:
        words: For values that are not all numbers: what stands where, in order; else empty.
        low: The smallest number; `high` the largest.
        log: Whether equal factors are equally far apart.
        few: All different numbers, where there are only few.
    """

    words: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    few: tuple[float, ...] = ()

    @staticmethod
    def of(values: Sequence[Value]) -> "ValueAxis":
        """Choose the axis that suits these values, of which there is at least one."""
        if not all(map(is_number, values)):
            return ValueAxis(words=_words(values))
        numbers = sorted({float(value) for value in values})
        few = tuple(numbers) if len(numbers) <= _FEW else ()
        return ValueAxis((), numbers[0], numbers[-1], _grows_by_factors(numbers), few)

    def place(self, value: Value) -> float:
        """Give a value's place, held between 0 and 1."""
        if self.words:
            word = _word(value)
            stop = self.words.index(word) if word in self.words else len(self.words) - 1
            return (stop + 0.5) / len(self.words)
        number = min(self.high, max(self.low, float(value)))
        low, high = self.low, self.high
        if self.log:
            number, low, high = log10(number), log10(low), log10(high)
        return (number - low) / (high - low) if high > low else 0.5

    def ticks(self, most: int = 5) -> list[Tick]:
        """What is written at the axis: every word, or at most about `most` numbers."""
        if self.words:
            return [((n + 0.5) / len(self.words), word) for n, word in enumerate(self.words)]
        numbers = self._apart(self.few) or self._round(most)
        return [(self.place(number), f"{number:.3g}") for number in numbers]

    def _round(self, most: int) -> list[float]:
        if not self.log:
            return Axis(self.low, self.high, "").ticks(most)
        first, last = ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9)
        step = max(1, ceil((last - first + 1) / most))
        powers = [10.0**power for power in range(first, last + 1, step)]
        return powers if len(powers) > 1 else [self.low, self.high]

    def _apart(self, numbers: Sequence[float]) -> list[float]:
        """The numbers, unless two of them are too near each other to be written both."""
        places = [self.place(number) for number in numbers]
        near = any(b - a < 0.12 for a, b in pairwise(places))
        return [] if near else list(numbers)


def _grows_by_factors(numbers: Sequence[float]) -> bool:
    """Tell whether sorted numbers are spread by factors: most lie low in a wide range.

    Of numbers spread evenly, half would lie above the middle.
    """
    low, middle, high = numbers[0], numbers[(len(numbers) - 1) // 2], numbers[-1]
    if low <= 0 or high / low < _WIDE:
        return False
    return (middle - low) / (high - low) < _NEAR


def _word(value: Value) -> str:
    return printable(setting(value))


def _words(values: Sequence[Value]) -> tuple[str, ...]:
    counted = Counter(map(_word, values))
    if len(counted) <= MOST_WORDS:
        return tuple(sorted(counted))
    return (*sorted(word for word, _ in counted.most_common(MOST_WORDS - 1)), _OTHERS)
