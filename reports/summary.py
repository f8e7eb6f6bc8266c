"""What a person should know of a run after one minute, as typed figures and sentences."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.cleanness import cleanness_sentences
from reports.ensembles import ensemble_sentence
from reports.facts import Fact, effort, hours, quality, size
from reports.hours_section import hours_section
from reports.leaderboard import LeaderboardRow
from reports.published import Standing, standing_of
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
    printable,
)

__all__ = ["FactGroup", "Summary", "summarise"]


@dataclass(frozen=True)
class FactGroup:
    """Figures that are of one row, or of the search.

    Attributes:
        title: Of what; empty where the headline says it.
        facts: The figures.
    """

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The report's first section.

    Attributes:
        headline: What won, and what winner/ holds where that is another; or that nothing has yet.
        groups: The figures to remember: of the winner and the search together, or, where winner/
            does not hold rank 1, those of what it holds first and those of rank 1 apart.
        sentences: How to read them.
        warnings: What limits the whole report, the gravest first.
        rerun: The command that trains the winner again, as winner/ holds it; empty without one.
    """

    headline: str
    groups: tuple[FactGroup, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    rerun: str


def summarise(run: Run, rows: Sequence[LeaderboardRow]) -> Summary:
    """Draw the summary from a run and its leaderboard.

    Raises:
        RunDirectoryError: A file of the run that a figure needs is damaged.
    """
    standing = standing_of(run, rows)
    if standing is None:
        return Summary(
            headline=_headline_without_winner(rows),
            groups=(FactGroup("", (*effort(run, rows), *_hours(run, rows))),),
            sentences=(),
            warnings=_warnings(run, rows),
            rerun="",
        )
    return Summary(
        headline=_headline(run, rows, standing),
        groups=tuple(_groups(run, rows, standing)),
        sentences=_sentences(run, rows, standing),
        warnings=(*_unknown_winner(standing), *_warnings(run, rows)),
        rerun=f"neurosweep rerun {shlex.quote(str(run.path))} {_which(standing)}",
    )


def _which(standing: Standing) -> str:
    return "--rank 1" if standing.is_first else f"--trial {shlex.quote(standing.shown.trial_id)}"


def _headline(run: Run, rows: Sequence[LeaderboardRow], standing: Standing) -> str:
    trials, score = _trials(rows), Ranking.of(run.info).score
    if standing.is_first:
        return f"{_name(standing.first)} is the best of {trials} by {score}."
    shown = standing.shown
    rank = "without a rank among" if shown.rank is None else f"rank {shown.rank} of"
    return (
        f"{_name(shown)} is the published model in winner/: {rank} {trials} by {score}. "
        f"Rank 1 is {_name(standing.first)} which is not published."
    )


def _groups(run: Run, rows: Sequence[LeaderboardRow], standing: Standing) -> Iterator[FactGroup]:
    shown, first, spent = standing.shown, standing.first, _hours(run, rows)
    if standing.is_first:
        yield FactGroup("", (*quality(run, first), *effort(run, rows), *size(first), *spent))
        return
    of_shown = f"The published model, in winner/: trial {printable(shown.trial_id)}"
    yield FactGroup(of_shown, (*quality(run, shown), *size(shown)))
    of_first = f"Rank 1, not published: trial {printable(first.trial_id)}"
    yield FactGroup(of_first, (*quality(run, first), *size(first)))
    yield FactGroup("The search", (*effort(run, rows), *spent))


def _hours(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[Fact, ...]:
    return hours(hours_section(run, rows))


def _unknown_winner(standing: Standing) -> tuple[str, ...]:
    """That winner/ holds the network of no row, so that all figures are of another."""
    if not standing.is_first or not standing.note:
        return ()
    return (f"The figures below are of rank 1. {standing.note}",)


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


def _sentences(run: Run, rows: Sequence[LeaderboardRow], standing: Standing) -> tuple[str, ...]:
    shown, who = standing.shown, standing.name
    tested = run.evaluation.of(shown.trial_id) if run.evaluation else None
    told = [choice_sentence(run, who), *cleanness_sentences(run, tested, who)]
    told += [*(list(tie_sentences(run, rows)) or _near(rows, standing)), *unknown_sentences(run)]
    if shown.stage is Stage.FINE_TUNE and shown.parent_id is not None:
        told.append(
            f"Fine-tuning unfroze the top block of trial {shown.parent_id} and trained it on."
        )
    told += [
        sentence for sentence in (ensemble_sentence(standing.first), standing.note) if sentence
    ]
    if run.evaluation is not None:
        openings = [moment(str(one)) for one in run.test_openings]
        times = "once, on" if len(openings) == 1 else f"{len(openings)} times:"
        told.append(f"The test set was opened {times} {', '.join(openings)}.")
    return tuple(told)


def _near(rows: Sequence[LeaderboardRow], standing: Standing) -> list[str]:
    """How many rows come near rank 1, where no predictions tell more."""
    near = [
        row
        for row in rows
        if row.rank not in (None, 1)
        and (row.val_accuracy_high or 0.0) >= (standing.first.val_accuracy or 0.0)
    ]
    if not near:
        return []
    rivals = "1 further row reaches" if len(near) == 1 else f"{len(near)} further rows reach"
    whose = "the winner's" if standing.is_first else "rank 1's"
    return [f"{rivals} {whose} accuracy within the 95 % interval: their order may be chance."]


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
