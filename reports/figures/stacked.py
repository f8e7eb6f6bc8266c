"""One of the axes that parallel coordinates stack: its stops, their words and its height."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from xml.etree.ElementTree import Element

from reports.figures.axis import Axis
from reports.figures.elements import segment, text, text_within
from reports.figures.value_axis import Tick, ValueAxis
from reports.leaderboard import LeaderboardRow
from reports.settings import Settings
from reports.wording import NONE, printable

__all__ = ["StackedAxis", "heights", "room_below", "write_ticks"]

_LEFT, _RIGHT, _NOTHING = 44.0, 500.0, 16.0
_BESIDE = 20.0  # room on the right of an axis
_ABOVE, _BELOW = 34.0, 26.0
_ASIDE = 1.1
_SIGN = 10.2  # the widest that a sign gets, on a phone
_LONGEST = 14
_FEW_WORDS, _STEEP, _UPRIGHT = 6, 60.0, 90.0  # degrees; many words have no room to lean


@dataclass(frozen=True)
class StackedAxis:
    """An axis across the picture.

    Attributes:
        title: Name of the hyperparameter.
        ticks: Places from 0 to 1 and what is written there.
        places: By trial, its place from 0 to 1; trials without a value have none.
        partly: Whether some trial has no value, which then stands at a dash on the left.
        crowded: Whether many lines meet at few places, and are led past each other a little.
    """

    title: str
    ticks: tuple[Tick, ...]
    places: dict[str, float]
    partly: bool
    crowded: bool = False
    left: float = _LEFT
    right: float = _RIGHT

    @staticmethod
    def of(settings: Settings, name: str, rows: Sequence[LeaderboardRow]) -> "StackedAxis":
        """The axis of a hyperparameter over all trials of its family."""
        axis: ValueAxis = settings.axis(name)
        places = {
            row.trial_id: axis.place(row.hyperparameters[name])
            for row in rows
            if name in row.hyperparameters
        }
        ticks = tuple(axis.ticks())
        crowded = bool(axis.words or axis.few) and len(rows) > len(ticks)
        return StackedAxis(settings.short(name), ticks, places, len(places) < len(rows), crowded)

    @staticmethod
    def of_accuracy(axis: Axis, rows: Sequence[LeaderboardRow]) -> "StackedAxis":
        """The axis of the validation accuracy in per cent."""
        places = {
            row.trial_id: axis.place(100 * row.val_accuracy)
            for row in rows
            if row.val_accuracy is not None
        }
        ticks = tuple((axis.place(value), f"{value:g}") for value in axis.ticks())
        return StackedAxis("validation accuracy, %", ticks, places, len(places) < len(rows))

    @property
    def below(self) -> float:
        """Room for what is written below the axis."""
        return room_below(self.ticks, self.right - self.left)

    def across(self, row: LeaderboardRow, number: int) -> float:
        """Where a trial's line meets the axis; `number` is its place among the lines, from 0."""
        place = self.places.get(row.trial_id)
        x = _NOTHING if place is None else self.left + place * (self.right - self.left)
        # The first line, the best one, runs through the very place.
        aside = (number * 7 % 11 - 5) * _ASIDE if number else 0.0
        return x + aside if self.crowded or place is None else x

    def write(self, parent: Element, y: float) -> None:
        """Write name and ticks around the axis at height `y`."""
        text(parent, (6.0, y - 15), self.title, "start").set("class", "axis-name")
        if self.partly:
            text(parent, (_NOTHING, y + 13), NONE, "middle")
        write_ticks(parent, self.ticks, (self.left, self.right), y)


def heights(axes: Sequence[StackedAxis], top: float) -> list[float]:
    """Give the height of each axis, from top to bottom."""
    places: list[float] = []
    y = top
    for axis in axes:
        y += _ABOVE
        places.append(y)
        y += axis.below
    return places


def room_below(ticks: Sequence[Tick], width: float) -> float:
    """How much room the ticks of an axis of this width take below it."""
    angle = _angle(ticks, width)
    return 16.0 + _longest(ticks) * sin(radians(angle)) if angle else _BELOW


def _angle(ticks: Sequence[Tick], width: float) -> float:
    """How words lean, in degrees: not at all, unless they would run into each other."""
    if len(ticks) < 2 or _longest(ticks) + _SIGN < width / len(ticks):
        return 0.0
    # The first word must not lean out of the picture on the left.
    reach = _longest(ticks) * cos(radians(_STEEP))
    fits = len(ticks) <= _FEW_WORDS and reach < width / len(ticks) / 2 + _NOTHING
    return _STEEP if fits else _UPRIGHT


def _longest(ticks: Sequence[Tick]) -> float:
    return _SIGN * max((len(_short(word)) for _, word in ticks), default=0)


def write_ticks(
    parent: Element, ticks: Sequence[Tick], ends: tuple[float, float], y: float
) -> None:
    """Write what stands at an axis below it, leaning where it would be too long."""
    left, right = ends
    angle = _angle(ticks, right - left)
    for place, word in ticks:
        x = left + place * (right - left)
        segment(parent, (x, y), (x, y + 4))
        if angle:
            written = text(parent, (x + 2, y + 8), _short(word), "end")
            written.set("transform", f"rotate(-{angle:g} {x + 2:.1f} {y + 8:.1f})")
        else:
            text_within(parent, (x, y + 13), _short(word), right + _BESIDE)


def _short(word: str) -> str:
    # Names that begin alike, as those of backbones, differ at their ends.
    word = printable(word)
    half = _LONGEST // 2
    return word if len(word) <= _LONGEST else f"{word[:half]}…{word[1 - half :]}"
