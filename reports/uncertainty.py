"""What is not certain about a leaderboard, said below it wherever it is shown."""

from collections.abc import Iterator, Sequence

from reports.cheapest import cheapest_of
from reports.ensembles import OUT_OF_FOLD
from reports.leaderboard import LeaderboardRow
from reports.published import published_note
from reports.ranking import Ranking
from reports.records import Stage
from reports.run import Run
from reports.run_statistics import Choice
from reports.statistics.tie_groups import ALPHA
from reports.wording import interval, marks, model, moment, percent, printable

__all__ = [
    "choice_in_words",
    "choice_sentence",
    "is_opened_again",
    "openings_warning",
    "run_notes",
    "state_warning",
    "tie_sentences",
    "unknown_sentences",
]


def run_notes(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """What must be said below a run's table, the gravest first.

    Args:
        run: The run.
        rows: All rows of its leaderboard, whichever of them are shown.

    Raises:
        RunDirectoryError: A file that tells what is published, or compares rows, is damaged.
    """
    told = [state_warning(run), openings_warning(run), *_on_the_first(run, rows)]
    told += [*tie_sentences(run, rows), *unknown_sentences(run)]
    return tuple(sentence for sentence in told if sentence)


def state_warning(run: Run) -> str:
    """Say why the leaderboard may not be the last word; empty for a finished run."""
    told = {
        "finished": "",
        "interrupted": "The search was interrupted: these are the trials that ended before.",
        "failed": "The search ended with an error: these are the trials that ended before.",
    }
    going_on = "The run may still be going on: these are the trials that have ended so far."
    return told.get(run.state, going_on)


def choice_sentence(run: Run, who: str = "the winner") -> str:
    """Say what a row was chosen on, and whether the test images may have had a say."""
    test = "the test set was opened again, and may have had a part in what was tried after that"
    if not is_opened_again(run):
        test = "the test images had no part in any choice"
    return (
        f"{who[:1].upper()}{who[1:]} was chosen on the validation images, so that its validation "
        f"accuracy is somewhat too good; {test}."
    )


def is_opened_again(run: Run) -> bool:
    """Tell whether the test set was opened more than once."""
    return len(run.test_openings) > 1


def openings_warning(run: Run) -> str:
    """Warn of a test set that was opened more than once; empty where it was not."""
    if not is_opened_again(run):
        return ""
    times = ", ".join(map(moment, run.test_openings))
    return (
        f"The test set was opened {len(run.test_openings)} times ({times}). What was searched for "
        "after the first opening may have been chosen by it: test figures may be too good."
    )


def choice_in_words(choice: Choice, row: LeaderboardRow) -> str:
    """Say how many models a row was chosen from, and how that was corrected for."""
    # Behind an ensemble it is not the best of all rows.
    what = "ranked rows" if row.rank == 1 else "ranked single networks"
    some = f" (of {choice.of:,}; the others have no usable predictions)"
    copies = f" in {choice.groups:,} groups of copies" if choice.groups < choice.images else ""
    return (
        f"as the best of {choice.trials:,} {what}{some if choice.trials < choice.of else ''}, "
        f"chosen anew on resamples of the {choice.images:,} validation images{copies}"
    )


def tie_sentences(run: Run, rows: Sequence[LeaderboardRow]) -> Iterator[str]:
    """Say which rows cannot be told from the winner, and which of them is the cheapest."""
    compared = [row for row in rows if row.tie_group is not None]
    tied = [row for row in compared if row.tie_group == 1]
    if len(compared) < 2:
        return
    images = f"the {run.validation_images or 0:,} validation images"
    method = f"McNemar's exact test on {images} with Holm's correction, {100 * ALPHA:g} %"
    if len(tied) == 1:
        yield (
            f"No other of the {len(compared)} rows compared is in tie group 1: each got "
            f"significantly fewer images right than rank 1 ({method})."
        )
    else:
        yield (
            f"Tie group 1 has {len(tied)} of the {len(compared)} rows compared: they cannot be "
            f"told from rank 1 by how many images they got right ({method}). {_cheapest(rows)}"
        )
    objectives = Ranking.of(run.info).objectives
    if objectives != ("val_accuracy",):
        yield (
            f"The search aims at {', '.join(objectives)}; tie groups compare validation accuracy "
            "alone."
        )


def unknown_sentences(run: Run) -> Iterator[str]:
    """Say what could not be compared or corrected."""
    for reason in run.statistics.why:
        yield f"{reason[:1].upper()}{reason[1:]}."


def _cheapest(rows: Sequence[LeaderboardRow]) -> str:
    cheapest = cheapest_of(rows)
    if cheapest is None:
        return (
            "Which of them is the cheapest is not known: neither multiply-adds nor latency nor "
            "weights are known of all of them."
        )
    if cheapest.row.rank == 1:
        return f"Rank 1 is the cheapest of them: {cheapest}."
    marked = f" ({', '.join(marks(cheapest.row))})" if marks(cheapest.row) else ""
    return (
        f"The cheapest of them is rank {cheapest.row.rank}, {model(cheapest.row)}{marked}, trial "
        f"{cheapest.row.trial_id}: {cheapest}."
    )


def _on_the_first(run: Run, rows: Sequence[LeaderboardRow]) -> Iterator[str]:
    """What winner/ holds where that is not rank 1, and what the first figures are worth."""
    first = next((row for row in rows if row.rank == 1), None)
    if first is None:
        return
    yield published_note(run, rows, first)
    yield _correction(run.statistics.choice, rows)
    if first.stage is Stage.ENSEMBLE:
        yield f"Rank 1 is an ensemble: {OUT_OF_FOLD}."


def _correction(choice: Choice | None, rows: Sequence[LeaderboardRow]) -> str:
    row = next((row for row in rows if row.val_accuracy_corrected is not None), None)
    if choice is None or row is None:
        return ""
    bounds = interval(row.val_accuracy_corrected_low, row.val_accuracy_corrected_high)
    who = "Rank 1" if row.rank == 1 else f"Rank {row.rank}, trial {printable(row.trial_id)},"
    return (
        f"{who} has a validation accuracy of {percent(row.val_accuracy)} %, corrected for the "
        f"choice {percent(row.val_accuracy_corrected)} % (95 % interval {bounds}): "
        f"{choice_in_words(choice, row)}."
    )
