"""Precision, recall, F1 and missed positives: what is counted from the most probable classes."""

from collections.abc import Sequence
from statistics import fmean
from typing import TypedDict

from reports.scores.answers import Answers

__all__ = [
    "ClassFigures",
    "class_figures",
    "macro_f1",
    "missed_positives",
    "most_confused",
    "of_matrix",
]


class ClassFigures(TypedDict):
    """One class: shares from 0 to 1 inclusive, and the number of its images."""

    precision: float
    recall: float
    f1: float
    support: int


def class_figures(answers: Answers, classes: Sequence[str]) -> dict[str, ClassFigures] | None:
    """Precision, recall, F1 and support of each class.

    Args:
        answers: On any number of images.
        classes: Names, in the order of the columns.

    Returns:
        The figures by class; None without an image, or with an answer that is no number.

    Raises:
        ValueError: There are not as many names as columns.
    """
    if len(classes) != answers.classes:
        raise ValueError(f"{answers.classes} columns have as many names; received {list(classes)}")
    return of_matrix(answers.confusion.tolist(), classes) if answers.can_be_scored else None


def of_matrix(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, ClassFigures]:
    """Precision, recall, F1 and support of each class, from a confusion matrix.

    A share of nothing is 0, as scikit-learn has it with `zero_division=0`: the precision of a
    class that was never named, the recall of one that has no image.

    Args:
        matrix: Images by true class (rows) and predicted class (columns).
        classes: Names, in the order of rows and columns.
    """
    named = [sum(column) for column in zip(*matrix, strict=True)]
    figures = {}
    for place, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        right, support = row[place], sum(row)
        figures[name] = ClassFigures(
            precision=_share(right, named[place]),
            recall=_share(right, support),
            # The harmonic mean of both, in the form that needs no case of its own.
            f1=_share(2 * right, named[place] + support),
            support=support,
        )
    return figures


def most_confused(
    matrix: Sequence[Sequence[int]], most: int, *, always: int | None = None
) -> tuple[int, ...]:
    """Places of the classes with the most confusions, in order; all classes if there is room.

    Confusions of a class are its images that were called another, and the other way round.

    Args:
        matrix: Images by true class (rows) and predicted class (columns).
        most: How many there is room for, at least 1.
        always: Place of a class that is among them in any case; None for none.
    """
    named = [sum(column) for column in zip(*matrix, strict=True)]
    confusions = [sum(row) + named[place] - 2 * row[place] for place, row in enumerate(matrix)]
    order = sorted(range(len(matrix)), key=lambda place: (place != always, -confusions[place]))
    return tuple(sorted(order[:most]))


def macro_f1(figures: dict[str, ClassFigures] | None) -> float | None:
    """Mean of the classes' F1, each class counting alike; 0 to 1 inclusive.

    A class without an image counts as 0, as scikit-learn's `f1_score(average="macro")` has it
    when it is given all labels.

    Args:
        figures: At least one class; None where there are none.
    """
    return None if figures is None else fmean(one["f1"] for one in figures.values())


def missed_positives(answers: Answers, negative: int) -> tuple[int, int] | None:
    """Images of any other class that were called the negative one: tumours called healthy.

    Args:
        answers: On any number of images.
        negative: Position of the negative class.

    Returns:
        How many were missed, and of how many positives; None without an image, or with an answer
        that is no number.
    """
    if not answers.can_be_scored:
        return None
    positive = answers.labels != negative
    missed = positive & (answers.predicted == negative)
    return int(missed.sum()), int(positive.sum())


def _share(part: int, of: int) -> float:
    return part / of if of else 0.0
