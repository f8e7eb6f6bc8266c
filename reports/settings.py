"""What a family's search trials were set to: the hyperparameters that vary, and their names."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.figures.value_axis import ValueAxis
from reports.leaderboard import LeaderboardRow
from reports.records import Origin, Stage

__all__ = ["Settings", "settings_of"]

_FAMILY = "family"  # the hyperparameter that all trials of a family share


@dataclass(frozen=True)
class Settings:
    """The search trials of one family, repeats left out: every configuration is there once.

    Attributes:
        family: Its name.
        rows: The trials as the leaderboard orders them, the best first.
        names: The hyperparameters with at least two values, the family's own first.
    """

    family: str
    rows: tuple[LeaderboardRow, ...]
    names: tuple[str, ...]

    def axis(self, name: str) -> ValueAxis:
        """The axis that suits the values of a hyperparameter."""
        return ValueAxis.of([row.hyperparameters[name] for row in self.having(name)])

    def having(self, name: str) -> list[LeaderboardRow]:
        """The trials in which a hyperparameter was active."""
        return [row for row in self.rows if name in row.hyperparameters]

    def short(self, name: str) -> str:
        """A hyperparameter's name without its scope, unless two would be called the same."""
        last = name.rpartition("/")[2]
        alike = Counter(one.rpartition("/")[2] for one in self.names)
        return last if alike[last] == 1 else name


def settings_of(rows: Sequence[LeaderboardRow], families: Sequence[str]) -> Iterator[Settings]:
    """Give each family's settings; a family without a search trial has none.

    Args:
        rows: The leaderboard, in order.
        families: In the order in which they are wanted.
    """
    searched = [
        row for row in rows if row.stage is Stage.SEARCH and row.origin is not Origin.REPEAT
    ]
    for family in families:
        own = tuple(row for row in searched if row.family == family)
        if own:
            yield Settings(family, own, tuple(_varied(own, family)))


def _varied(rows: Sequence[LeaderboardRow], family: str) -> list[str]:
    values: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.hyperparameters.items():
            values.setdefault(name, set()).add(repr(value))
    varied = [name for name, own in values.items() if len(own) > 1 and name != _FAMILY]
    return sorted(varied, key=lambda name: (not name.startswith(f"{family}/"), name))
