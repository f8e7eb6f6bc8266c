"""What the finalists did on the test set, class by class, ready to be laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from reports.evaluation import Cleanness, Evaluation, Figures, Finalist, Matrix
from reports.intervals import wilson_interval
from reports.leaderboard import LeaderboardRow
from reports.scores.by_class import most_confused, of_matrix

__all__ = ["Cell", "ClassFigures", "Measured", "Share", "Verdict", "measure", "verdicts"]

MOST_CLASSES = 40
"""Of more classes those with the most confusions are shown: else a page has millions of cells."""

_AVERAGES = ("macro avg", "weighted avg")


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's 95 % interval.

    Attributes:
        value: 0 to 1 inclusive, as are its bounds `low` and `high`.
        images: What it is a share of.
    """

    value: float
    images: int
    low: float
    high: float

    @property
    def count(self) -> int:
        """The number of images it stands for."""
        return round(self.value * self.images)


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
class Measured:
    """One finalist on some of the test images.

    Attributes:
        right: Share of right answers.
        missed: Share of positives called the negative class; None without such a class, or
            where there is no positive among the images.
        confusion: Images by true class (rows) and predicted class (columns), of all classes.
        shown: Places of the classes that are shown: all of them up to 40, else those with the most
            confusions and the negative class.
        matrix: A row for each of those as the true class, a cell for each as the predicted one.
        classes: A line for each class, then the averages.
    """

    right: Share
    missed: Share | None
    confusion: Matrix
    shown: tuple[int, ...]
    matrix: tuple[tuple[Cell, ...], ...]
    classes: tuple[ClassFigures, ...]

    @property
    def shown_lines(self) -> tuple[ClassFigures, ...]:
        """The lines of the classes that are shown, then the averages."""
        lines = tuple(self.classes[place] for place in self.shown)
        return (*lines, *self.classes[len(self.confusion) :])


@dataclass(frozen=True)
class Verdict:
    """One finalist on the test set.

    Attributes:
        row: Its place in the leaderboard.
        finalist: The figures as recorded.
        all: On all test images.
        clean: On the clean ones; None where none is clean, all are, or nobody knows.
    """

    row: LeaderboardRow
    finalist: Finalist
    all: Measured
    clean: Measured | None


def verdicts(evaluation: Evaluation | None, rows: Sequence[LeaderboardRow]) -> tuple[Verdict, ...]:
    """Lay out every finalist, in the order of the leaderboard."""
    if evaluation is None:
        return ()
    return tuple(
        Verdict(row, finalist, measure(finalist.on_all, evaluation), _clean(finalist, evaluation))
        for row in rows
        if (finalist := evaluation.of(row.trial_id)) is not None
    )


def measure(figures: Figures, evaluation: Evaluation) -> Measured:
    """Lay out a finalist's figures on some of the test images, with their intervals."""
    positives = evaluation.positives(figures.confusion)
    missed = None
    if figures.missed is not None and positives:
        missed = _share(figures.missed / positives, positives)
    negative = evaluation.negative_class
    always = None if negative is None else evaluation.classes.index(negative)
    shown = most_confused(figures.confusion, MOST_CLASSES, always=always)
    return Measured(
        _share(figures.accuracy, figures.images),
        missed,
        figures.confusion,
        shown,
        _matrix(figures.confusion, shown, always),
        _classes(figures, evaluation),
    )


def _clean(finalist: Finalist, evaluation: Evaluation) -> Measured | None:
    # Where all images are clean, the same figures would stand there twice.
    if finalist.on_clean is None or evaluation.cleanness is Cleanness.ALL:
        return None
    return measure(finalist.on_clean, evaluation)


def _share(value: float, images: int) -> Share:
    return Share(value, images, *wilson_interval(value, images))


def _matrix(
    confusion: Matrix, shown: Sequence[int], negative: int | None
) -> tuple[tuple[Cell, ...], ...]:
    of_class = {true: max(1, sum(confusion[true])) for true in shown}
    return tuple(
        tuple(
            Cell(
                confusion[true][predicted],
                confusion[true][predicted] / of_class[true],
                true == predicted,
                predicted == negative != true,
            )
            for predicted in shown
        )
        for true in shown
    )


def _classes(figures: Figures, evaluation: Evaluation) -> tuple[ClassFigures, ...]:
    # Not from the recorded report, where a class may have the name of an average.
    counted = of_matrix(figures.confusion, evaluation.classes)
    lines = [ClassFigures(name, **counted[name]) for name in evaluation.classes]
    supports = [line.support for line in lines]
    averages = zip(_AVERAGES, ([1] * len(lines), supports), strict=True)
    return (*lines, *(_average(name, lines, weights) for name, weights in averages))


def _average(name: str, lines: Sequence[ClassFigures], weights: Sequence[int]) -> ClassFigures:
    return ClassFigures(
        name,
        fmean([line.precision for line in lines], weights),
        fmean([line.recall for line in lines], weights),
        fmean([line.f1 for line in lines], weights),
        sum(line.support for line in lines),
    )
