"""The winners of two runs on the same images, with what is known of the difference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import UserError
from reports.common_images import CommonImages, MatchedBy, common_images
from reports.intervals import wilson_interval
from reports.predictions import (
    Part,
    Truth,
    check_accuracy,
    predictions_file,
    read_predictions,
)
from reports.published import published_note
from reports.ranking import Ranking
from reports.records import TrialRecord
from reports.run import Run
from reports.statistics.difference import accuracy_difference
from reports.statistics.mcnemar import discordant, mcnemar
from reports.statistics.tie_groups import ALPHA
from reports.wording import model, notes

__all__ = ["FEW", "Comparison", "Side", "compare_winners", "winner_of"]


FEW = 10
"""With fewer images that only one winner got right, a percentile interval is too narrow."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two winners.

    Attributes:
        run: Its run's name.
        trial_id: The trial of rank 1; `model` its network.
        chosen_from: How many ranked rows it was the best of.
        images: Images that its run has in the part.
        accuracy: On the common images, 0 to 1 inclusive, with Wilson's 95 % interval from
            `accuracy_low` to `accuracy_high`.
        right_alone: Common images that this winner got right and the other did not.
        val_accuracy_corrected: As the leaderboard has it, on its own validation images; None where
            it is not known, and of an ensemble, whose figures are out of fold.
    """

    run: str
    trial_id: str
    model: str
    chosen_from: int
    images: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    right_alone: int
    val_accuracy_corrected: float | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two winners on the images that both runs had in a part.

    Attributes:
        part: validation or test.
        images: How many images both had; matched by `file`, or by `content`.
        first: The first run's winner; `second` the other's.
        difference: The second accuracy minus the first, with a 95 % interval of a paired bootstrap
            from `difference_low` to `difference_high`.
        p_value: Of McNemar's exact test, two-sided.
        significant: Whether that is at most `alpha`.
        warnings: What must be known before anything is concluded from it, the gravest first.
    """

    part: Part
    images: int
    matched_by: MatchedBy
    first: Side
    second: Side
    difference: float
    difference_low: float
    difference_high: float
    p_value: float
    alpha: float
    significant: bool
    warnings: tuple[str, ...]


def winner_of(run: Run) -> TrialRecord:
    """Give the trial of rank 1.

    Raises:
        UserError: No trial completed yet.
    """
    ranked = Ranking.of(run.info).ranked(run.records)
    if not ranked:
        raise UserError(
            f"a winner is the best completed trial of a run; {run.path} has none. Wait until one "
            "has completed (`neurosweep status` tells), or name another run."
        )
    return ranked[0]


def compare_winners(first: Run, second: Run, part: Part, names: tuple[str, str]) -> Comparison:
    """Compare the winners of two runs by the predictions that the runs saved; nothing is measured.

    Args:
        first: A run.
        second: Another one, of which the same images are known.
        part: The images to compare on: validation or test.
        names: What to call the runs.

    Raises:
        UserError: A run has no winner, the test set of one has not been opened, or the two have no
            images of the part in common.
        RunDirectoryError: A file that is needed is missing or damaged.
    """
    winners = winner_of(first), winner_of(second)
    common = common_images(first, second, part)
    right = [
        _right(run, winner, truth, part)[rows]
        for run, winner, truth, rows in zip(
            (first, second),
            winners,
            (common.first, common.second),
            (common.rows_of_first, common.rows_of_second),
            strict=True,
        )
    ]
    first_only, second_only = (int(count[0]) for count in discordant(right[0], right[1][None]))
    difference = accuracy_difference(right[0], right[1], common.groups)
    p_value = mcnemar(first_only, second_only)
    sides = [
        _side(run, winner, name, truth, answers, alone)
        for run, winner, name, truth, answers, alone in zip(
            (first, second),
            winners,
            names,
            (common.first, common.second),
            right,
            (first_only, second_only),
            strict=True,
        )
    ]
    return Comparison(
        part=part,
        images=common.images,
        matched_by=common.matched_by,
        first=sides[0],
        second=sides[1],
        difference=difference.value,
        difference_low=difference.low,
        difference_high=difference.high,
        p_value=p_value,
        alpha=ALPHA,
        significant=p_value <= ALPHA,
        warnings=(
            *_warnings((first, second), winners, names, common),
            *_few(first_only + second_only),
        ),
    )


def _few(told_apart: int) -> Iterator[str]:
    if 0 < told_apart < FEW:
        yield (
            f"The winners differ on {told_apart} of the images: with fewer than {FEW} the "
            "bootstrap's interval is too narrow, and may leave out 0 where McNemar's test finds "
            "nothing. The test decides."
        )


def _right(run: Run, winner: TrialRecord, truth: Truth, part: Part) -> NDArray[np.bool_]:
    """Whether a winner was right on each image of its run's part."""
    path = predictions_file(run, winner.trial_id, part)
    recorded = winner.val_accuracy
    if part == "test":
        tested = run.evaluation.of(winner.trial_id) if run.evaluation else None
        if tested is None:
            raise UserError(
                "--part test compares what was saved when each run opened its test set, and opens "
                f"none; {run.path} has not opened it for its winner, trial {winner.trial_id}. Let "
                "the search end, or compare on --part validation."
            )
        recorded = tested.test_accuracy
    right: NDArray[np.bool_] = read_predictions(path, truth).argmax(axis=1) == truth.labels
    check_accuracy(path, right, recorded or 0.0)
    return right


def _side(
    run: Run,
    winner: TrialRecord,
    name: str,
    truth: Truth,
    right: NDArray[np.bool_],
    alone: int,
) -> Side:
    accuracy = float(right.mean())
    low, high = wilson_interval(accuracy, len(right))
    choice = run.statistics.choice
    corrected = choice.estimate if choice and choice.trial_id == winner.trial_id else None
    return Side(
        run=name,
        trial_id=winner.trial_id,
        model=model(winner),
        chosen_from=len(Ranking.of(run.info).ranked(run.records)),
        images=len(truth.files),
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        right_alone=alone,
        val_accuracy_corrected=corrected,
    )


def _warnings(
    runs: tuple[Run, Run],
    winners: tuple[TrialRecord, TrialRecord],
    names: tuple[str, str],
    common: CommonImages,
) -> Iterator[str]:
    yield from notes(winners)
    part = common.first.part
    if part == "test":
        yield (
            "Test figures: whoever chooses between the runs by them has used the test set for "
            "choosing, and the figure of the chosen one is too good from then on. Choose by "
            "--part validation."
        )
    else:
        yield (
            "Each winner was chosen on its run's validation images, so that its accuracy here is "
            "somewhat too good, and the more so the more trials it was chosen from."
        )
    if not common.are_all:
        yield (
            f"The runs have {common.images:,} {part} images in common, of "
            f"{len(common.first.files):,} and {len(common.second.files):,}: figures differ from "
            "those in their leaderboards."
        )
    for run, name in zip(runs, names, strict=True):
        if run.state != "finished":
            yield f"{name} is not finished ({run.state}): its winner may change."
        if part == "test" and len(run.test_openings) > 1:
            yield f"{name} opened its test set {len(run.test_openings)} times."
    for run, winner, name in zip(runs, winners, names, strict=True):
        if note := published_note(run, Ranking.of(run.info).ranked(run.records), winner):
            yield f"{name}: rank 1 is trial {winner.trial_id}. {note}"
