"""The winner seen from within: its network, and its answers on the test set as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.answers import answers_of, clean_test_images
from reports.architecture import Architecture
from reports.classes import class_names
from reports.curves import ClassCurves, curves_of
from reports.evaluation import Cleanness, Evaluation, Finalist
from reports.figures.architecture import architecture_figure
from reports.figures.class_curves import curve_figures
from reports.figures.class_scores import class_scores_figure
from reports.figures.confusion import confusion_figure
from reports.figures.figure import Figure
from reports.figures.palette import Look
from reports.figures.reliability import reliability_figure
from reports.figures.trade_off import trade_off_figure
from reports.leaderboard import LeaderboardRow
from reports.published import Standing, standing_of
from reports.reliability import Calibration, calibrate
from reports.run import Run
from reports.verdicts import Verdict, verdicts

__all__ = ["Areas", "ModelSection", "calibration_of", "model_section"]

_UNTESTED = (
    "The test set has not been opened: the figures on it come with the finalists' evaluation."
)
_NO_LAYERS = (
    "The network's layers are not in this run: winner/architecture.json is written when the winner "
    "is published."
)


@dataclass(frozen=True)
class Areas:
    """Areas of one class, on all test images and on the clean ones.

    Attributes:
        all: Its curves on all test images.
        clean: On the clean ones; None where there are none, or all are, or nobody knows.
    """

    all: ClassCurves
    clean: ClassCurves | None


@dataclass(frozen=True)
class ModelSection:
    """What the section shows.

    Attributes:
        network: The layers of what winner/ holds, if they are known.
        tested: Whose answers are drawn: those of what winner/ holds, or of the best finalist.
        whose: What to call that row; empty without one.
        figures: In order; how the network is built, then what it did.
        areas: A line for each class; empty without probabilities.
        notes: What is missing, and why.
    """

    network: Architecture | None
    tested: LeaderboardRow | None
    whose: str
    figures: tuple[Figure, ...]
    areas: tuple[Areas, ...]
    notes: tuple[str, ...]

    @property
    def two_ways(self) -> bool:
        """Whether areas on clean images stand beside those on all."""
        return any(line.clean for line in self.areas)


def model_section(
    run: Run, rows: Sequence[LeaderboardRow], looks: Mapping[str, Look]
) -> ModelSection:
    """Draw the section for a run in any state.

    Raises:
        RunDirectoryError: A file of probabilities, the split or the list of layers is damaged.
    """
    network, standing, evaluation = run.network, standing_of(run, rows), run.evaluation
    verdict = _shown_verdict(run, rows, standing)
    trade_off = trade_off_figure(rows, looks)
    figures = [architecture_figure(network)] if network else []
    figures += [trade_off] if trade_off else []
    notes = _on_the_network(standing, network)
    areas: tuple[Areas, ...] = ()
    if verdict is None or evaluation is None:
        notes.append(_UNTESTED)
    else:
        areas = _areas(run, verdict.finalist)
        which = _all(evaluation)
        found = calibration_of(run, verdict.row)
        figures += [reliability_figure(found, which=which)] if found else []
        figures += _matrices(verdict, evaluation)
        figures += curve_figures([line.all for line in areas], which=which)
        notes += _missing(verdict.row, areas, found)
    return ModelSection(
        network=network,
        tested=verdict.row if verdict else None,
        whose=_whose(verdict, standing),
        figures=tuple(figures),
        areas=areas,
        notes=tuple(notes),
    )


def _on_the_network(standing: Standing | None, network: Architecture | None) -> list[str]:
    note = standing.note if standing else ""
    if network is None:
        return [*([note] if note else []), _NO_LAYERS]
    if not note or network.trial_id is None:
        return [note] if note else []
    return [f"{note} Its layers are drawn and listed here."]


def _shown_verdict(
    run: Run, rows: Sequence[LeaderboardRow], standing: Standing | None
) -> Verdict | None:
    """What winner/ holds on the test set, or the best finalist; None before it was opened."""
    found = verdicts(run.evaluation, rows)
    own = (one for one in found if standing and one.row is standing.shown)
    return next(own, next(iter(found), None))


def _whose(verdict: Verdict | None, standing: Standing | None) -> str:
    """How the section begins, before the trial that its answers are of."""
    if verdict is None:
        return ""
    if standing is None or verdict.row is not standing.shown:
        who = "The winner" if standing is None or standing.is_first else "What winner/ holds"
        return f"{who} was not shown the test set. Drawn are the answers of the best finalist,"
    who = f"{standing.name}," if standing.is_first else "what winner/ holds, and not of rank 1:"
    return f"Drawn are the answers of {who}"


def calibration_of(run: Run, row: LeaderboardRow) -> Calibration | None:
    """A row's calibration; None without its answers on both parts.

    Raises:
        RunDirectoryError: A file of probabilities or the split is damaged.
    """
    validation = answers_of(run, row.trial_id, "validation", row.val_accuracy)
    test = answers_of(run, row.trial_id, "test", row.test_accuracy)
    return calibrate(validation, test) if validation and test else None


def _matrices(verdict: Verdict, evaluation: Evaluation) -> list[Figure]:
    ways = [("", verdict.all, _all(evaluation))]
    if verdict.clean:
        ways.append(("-clean", verdict.clean, f"{verdict.clean.right.images:,} clean test images"))
    matrices = [
        confusion_figure(measured, evaluation, key=f"confusion{ending}", which=which)
        for ending, measured, which in ways
    ]
    scores = [
        class_scores_figure(measured, key=f"class-scores{ending}", which=which)
        for ending, measured, which in ways
    ]
    return [*matrices, *scores]


def _all(evaluation: Evaluation) -> str:
    clean = ", all of them clean" if evaluation.cleanness is Cleanness.ALL else ""
    return f"all {evaluation.images:,} test images{clean}"


def _areas(run: Run, finalist: Finalist) -> tuple[Areas, ...]:
    answers = answers_of(run, finalist.trial_id, "test", finalist.test_accuracy)
    if answers is None:
        return ()
    classes, clean = class_names(run), clean_test_images(run)
    found = curves_of(answers, classes)
    if clean is None or clean.all() or not clean.any():
        return tuple(Areas(one, None) for one in found)
    of_clean = curves_of(answers.of(clean), classes)
    return tuple(Areas(*pair) for pair in zip(found, of_clean, strict=True))


def _missing(
    row: LeaderboardRow, areas: Sequence[Areas], calibration: Calibration | None
) -> list[str]:
    if not areas:
        return [
            f"Curves and reliability are left out: trials/{row.trial_id}/test.npy, which holds the "
            "probabilities, is not in this run."
        ]
    if calibration is None:
        return [
            f"Reliability is left out: trials/{row.trial_id}/validation.npy, to which a "
            "temperature is fitted, is not in this run."
        ]
    return []
