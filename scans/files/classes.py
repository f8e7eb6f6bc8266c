"""The rule that every part of the data knows the same classes."""

from collections.abc import Mapping

from neurosweep.errors import DataError


def refuse_unequal(classes: Mapping[str, set[str]], rule: str, advice: str) -> None:
    """Raise where one part has a class that another has not.

    Args:
        classes: The names of each part's classes.
        rule: How the message begins: what must be, and where it is not.
        advice: How it ends: what to do.

    Raises:
        DataError: Names, for the first two parts that differ, what only one of them has.
    """
    first, *rest = classes.items()
    for other in rest:
        if other[1] != first[1]:
            raise DataError(f"{rule} {_difference(first, other)}; {advice}.")


def _difference(first: tuple[str, set[str]], second: tuple[str, set[str]]) -> str:
    sides = ((first[0], first[1] - second[1]), (second[0], second[1] - first[1]))
    return " and ".join(
        f"only {part} has {', '.join(sorted(names))}" for part, names in sides if names
    )
