"""What the finalists did on the test set, class by class, ready to be laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.evaluation import Evaluation, Finalist
from reports.leaderboard import LeaderboardRow

__all__ = ["Cell", "ClassFigures", "Verdict", "verdicts"]

_AVERAGES = ("macro avg", "weighted avg")


@dataclass(frozen=True)
class Cell:
    """One cell of a confusion matrix.

    Attributes:
        images: How many.
        share: Part of the images of the true class, 0 to 1 inclusive.
        right: Whether the predicted class is the true one.
        missed: Whether a positive was called the negative class.
    """

    images: int
    share: float
    right: bool
    missed: bool


@dataclass(frozen=True)
class ClassFigures:
    """One line of a classification report; shares from 0 to 1 inclusive."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Verdict:
    """One finalist on the test set.

    Attributes:
        row: Its place in the leaderboard.
        finalist: The figures as measured.
        matrix: A row for each true class, a cell for each predicted one.
        classes: A line for each class, then the averages.
    """

    row: LeaderboardRow
    finalist: Finalist
    matrix: tuple[tuple[Cell, ...], ...]
    classes: tuple[ClassFigures, ...]


def verdicts(evaluation: Evaluation | None, rows: Sequence[LeaderboardRow]) -> tuple[Verdict, ...]:
    """Lay out every finalist, in the order of the leaderboard."""
    if evaluation is None:
        return ()
    return tuple(
        Verdict(row, finalist, _matrix(finalist, evaluation), _classes(finalist, evaluation))
        for row in rows
        if (finalist := evaluation.of(row.trial_id)) is not None
    )


def _matrix(finalist: Finalist, evaluation: Evaluation) -> tuple[tuple[Cell, ...], ...]:
    names = evaluation.classes
    negative = evaluation.negative_class
    return tuple(
        tuple(
            Cell(
                images,
                images / max(1, sum(counts)),
                true == predicted,
                negative is not None and predicted == negative and true != negative,
            )
            for predicted, images in zip(names, counts, strict=True)
        )
        for true, counts in zip(names, finalist.confusion, strict=True)
    )


def _classes(finalist: Finalist, evaluation: Evaluation) -> tuple[ClassFigures, ...]:
    report = finalist.classification_report
    return tuple(
        _figures(name, report[name])
        for name in (*evaluation.classes, *_AVERAGES)
        if isinstance(report.get(name), dict)
    )


def _figures(name: str, figures: dict[str, Any]) -> ClassFigures:
    return ClassFigures(
        name,
        figures["precision"],
        figures["recall"],
        figures["f1-score"],
        round(figures["support"]),
    )
