"""What a person should know of a run after one minute, as typed figures and sentences."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from reports.cleanness import cleanness_sentences
from reports.ensembles import ensemble_sentence
from reports.evaluation import Finalist
from reports.facts import Fact, effort, hours, quality
from reports.hours_section import hours_section
from reports.leaderboard import LeaderboardRow
from reports.published import published_note
from reports.ranking import Ranking
from reports.records import Stage
from reports.run import Run
from reports.uncertainty import (
    choice_sentence,
    is_opened_again,
    openings_warning,
    tie_sentences,
    unknown_sentences,
)
from reports.wording import (
    RANDOM_NOTE,
    SYNTHETIC_NOTE,
    has_random_weights,
    marks,
    model,
    moment,
)

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The report's first section.

    Attributes:
        headline: What won, in one sentence; or that nothing has yet.
        winner: The row of rank 1; None before a trial completed.
        facts: The figures to remember.
        sentences: How to read them.
        warnings: What limits the whole report, the gravest first.
        rerun: The command that trains the winner again; empty without a winner.
    """

    headline: str
    winner: LeaderboardRow | None
    facts: tuple[Fact, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    rerun: str


def summarise(run: Run, rows: Sequence[LeaderboardRow]) -> Summary:
    """Draw the summary from a run and its leaderboard."""
    winner = next((row for row in rows if row.rank == 1), None)
    if winner is None:
        return Summary(
            headline=_headline_without_winner(rows),
            winner=None,
            facts=_effort(run, rows),
            sentences=(),
            warnings=_warnings(run, rows),
            rerun="",
        )
    tested = run.evaluation.of(winner.trial_id) if run.evaluation else None
    return Summary(
        headline=f"{_name(winner)} is the best of {_trials(rows)} by {Ranking.of(run.info).score}.",
        winner=winner,
        facts=(*quality(run, winner, tested), *_effort(run, rows)),
        sentences=_sentences(run, rows, winner, tested),
        warnings=_warnings(run, rows),
        rerun=f"neurosweep rerun {shlex.quote(str(run.path))} --rank 1",
    )


def _effort(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[Fact, ...]:
    return (*effort(run, rows), *hours(hours_section(run, rows)))


def _headline_without_winner(rows: Sequence[LeaderboardRow]) -> str:
    if all(row.stage is Stage.SCREEN for row in rows):
        return "No trial has finished yet."
    return f"No trial has completed yet; {_trials(rows)} ended otherwise."


def _name(row: LeaderboardRow) -> str:
    marked = f" ({', '.join(marks(row))})" if marks(row) else ""
    return f"{model(row)}{marked}, trial {row.trial_id},"


def _trials(rows: Sequence[LeaderboardRow]) -> str:
    number = sum(row.stage is not Stage.SCREEN for row in rows)
    return "1 trial" if number == 1 else f"{number:,} trials"


def _sentences(
    run: Run, rows: Sequence[LeaderboardRow], winner: LeaderboardRow, tested: Finalist | None
) -> tuple[str, ...]:
    told = [choice_sentence(run), *cleanness_sentences(run, tested)]
    told += [*(list(tie_sentences(run, rows)) or _near(rows, winner)), *unknown_sentences(run)]
    if winner.stage is Stage.FINE_TUNE and winner.parent_id is not None:
        told.append(
            f"Fine-tuning unfroze the top block of trial {winner.parent_id} and trained it on."
        )
    both = (ensemble_sentence(winner), published_note(run, rows, winner))
    told += [sentence for sentence in both if sentence]
    if run.evaluation is not None:
        openings = [moment(str(one)) for one in run.test_openings]
        times = "once, on" if len(openings) == 1 else f"{len(openings)} times:"
        told.append(f"The test set was opened {times} {', '.join(openings)}.")
    return tuple(told)


def _near(rows: Sequence[LeaderboardRow], winner: LeaderboardRow) -> list[str]:
    """How many rows come near the winner, where no predictions tell more."""
    near = [
        row
        for row in rows
        if row.rank not in (None, 1)
        and (row.val_accuracy_high or 0.0) >= (winner.val_accuracy or 0.0)
    ]
    if not near:
        return []
    rivals = "1 further row reaches" if len(near) == 1 else f"{len(near)} further rows reach"
    return [f"{rivals} the winner's accuracy within the 95 % interval: their order may be chance."]


def _warnings(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    partial = _partial(run)
    told = (
        (SYNTHETIC_NOTE, run.synthetic),
        (RANDOM_NOTE, any(map(has_random_weights, rows))),
        (f"Partial report: {partial}.", bool(partial)),
        (openings_warning(run), is_opened_again(run)),
    )
    return tuple(warning for warning, holds in told if holds)


def _partial(run: Run) -> str:
    """Why the report is not whole; empty where it is."""
    ended = {
        "interrupted": "the search was interrupted",
        "failed": "the search ended with an error",
    }
    if run.state in ended:
        return ended[run.state]
    told = []
    if run.evaluation is None:
        told.append("the test set has not been opened")
    if run.state != "finished":
        told.append("the run may still be going on")
    return ", ".join(told)
