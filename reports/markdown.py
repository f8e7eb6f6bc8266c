"""The report as Markdown: summary, leaderboard, backbones, data, folds, model card."""

from collections.abc import Sequence
from pathlib import Path

from reports.backbones import UNIT_MEANING, Screened, screening_of
from reports.data_section import ClassRow, data_section
from reports.facts import Fact
from reports.files import replace_text
from reports.folds import folded_rows
from reports.hours_section import hours_section
from reports.leaderboard import LeaderboardRow
from reports.model_card import model_card
from reports.rendering import escape_markdown, render_rows
from reports.run import Run
from reports.screening_table import screening_table
from reports.summary import summarise
from reports.tested_on import which_images
from reports.wording import NONE, model, percent, printable, spread

__all__ = ["render_markdown_report", "write_markdown_report"]

_TWINS = ("test: exact twin in training", "test: near twin only", "test: clean")


def write_markdown_report(run: Run, rows: Sequence[LeaderboardRow], path: Path) -> None:
    """Write the report as Markdown; the file appears whole or not at all."""
    replace_text(path, render_markdown_report(run, rows))


def render_markdown_report(run: Run, rows: Sequence[LeaderboardRow]) -> str:
    """Write the report without figures as GitHub's Markdown, ending with a newline.

    Raises:
        RunDirectoryError: A file of the run that a section needs is damaged.
    """
    summary = summarise(run, rows)
    parts = [f"# {escape_markdown(run.name)}"]
    parts += [f"> **{escape_markdown(warning)}**" for warning in summary.warnings]
    parts.append(f"**{escape_markdown(summary.headline)}**")
    for group in summary.groups:
        parts += [f"**{escape_markdown(group.title)}**"] if group.title else []
        parts.append("\n".join(map(_fact, group.facts)))
    parts += [escape_markdown(sentence) for sentence in summary.sentences]
    if summary.rerun:
        # Indented code: a name with backticks in it cannot end the block.
        parts.append(f"Train it again:\n\n    {printable(summary.rerun)}")
    parts.append("## Leaderboard")
    parts.append(render_rows(rows, format="markdown").rstrip() if rows else "No row yet.")
    parts += [escape_markdown(note) for note in [which_images(run.evaluation)] if note]
    parts += [*_backbones(run, rows), *_data(run), *_folds(run, rows), *_hours(run, rows)]
    parts += _card(run, rows)
    return "\n\n".join(parts) + "\n"


def _fact(fact: Fact) -> str:
    value, detail = escape_markdown(fact.value), escape_markdown(fact.detail)
    return f"- {fact.name}: **{value}** {detail}".rstrip()


def _backbones(run: Run, rows: Sequence[LeaderboardRow]) -> list[str]:
    screening = screening_of(run, rows)
    if screening is None:
        return []
    table = screening_table(screening)
    cells = [_screened_cells(one, line) for one, line in table.lines]
    parts = ["## Backbones"]
    parts += [f"> **{escape_markdown(screening.warning)}**"] if screening.warning else []
    parts.append(
        "A linear classifier on each backbone's frozen features, measured on the validation images "
        "before the search. It takes no part in the ranking."
    )
    parts += [escape_markdown(UNIT_MEANING)] if screening.has_unit else []
    return [*parts, _table([column.title for column in table.columns], cells)]


def _screened_cells(one: Screened, cells: Sequence[str]) -> list[str]:
    name = f"{cells[0]} (random weights)" if one.has_random_weights else cells[0]
    return [name, *cells[1:]]


def _data(run: Run) -> list[str]:
    data = data_section(run, images=False)
    if data.empty:
        return []
    parts = ["## Data"]
    if data.known is not None:
        told = "Calls itself {} but differs from it." if data.differs else "Recognised as {}."
        parts.append(escape_markdown(f"{told.format(data.known.name)} {data.known.note}".strip()))
    if data.fingerprint:
        parts.append(f"Fingerprint: {escape_markdown(data.fingerprint)}")
    if data.findings is not None:
        found = [f"1. {escape_markdown(sentence)}" for sentence in data.findings]
        parts.append("\n".join(found) or "Nothing was found that limits the results.")
    if data.classes:
        cells = [_class_cells(row) for row in data.classes]
        parts.append(_table(["class", *data.parts, *_TWINS], cells))
    return parts + [escape_markdown(sentence) for sentence in data.treatment]


def _class_cells(row: ClassRow) -> list[str]:
    numbers = (*row.images, row.exact, row.near, row.clean)
    return [row.name, *(NONE if number is None else f"{number:,}" for number in numbers)]


def _folds(run: Run, rows: Sequence[LeaderboardRow]) -> list[str]:
    if run.cross_validation is None:
        return []
    lines = [
        [
            one.row.trial_id,
            model(one.row),
            spread(one.row.cv_accuracy, one.row.cv_accuracy_sd),
            ", ".join(map(percent, one.folds.accuracies)) or NONE,
        ]
        for one in folded_rows(run.cross_validation, rows)
    ]
    return [
        "## Cross-validation of the finalists",
        f"{run.cross_validation.images:,} images for training and validation in "
        f"{run.cross_validation.folds} folds. It took no part in choosing.",
        _table(["trial", "model", "mean ± sd, %", "each fold, %"], lines),
    ]


def _hours(run: Run, rows: Sequence[LeaderboardRow]) -> list[str]:
    section = hours_section(run, rows)
    if section is None:
        return []
    lines = [[line.name, *section.cells(line)] for line in section.lines]
    told = [escape_markdown(sentence) for sentence in section.sentences]
    return ["## Hours and cost", _table(["held for", *section.columns], lines), *told]


def _card(run: Run, rows: Sequence[LeaderboardRow]) -> list[str]:
    parts = []
    for part in model_card(run, rows):
        parts.append(f"### {part.title}")
        told = [f"- {escape_markdown(sentence)}" for sentence in part.sentences]
        told += [f"- {escape_markdown(key)}: {escape_markdown(value)}" for key, value in part.facts]
        parts += ["\n".join(told)] if told else []
        # Indented code: a name with backticks in it cannot end the block.
        parts += [f"{escape_markdown(name)}\n\n    {command}" for name, command in part.commands]
    return ["## Model card", *parts] if parts else []


def _table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *cells]
    return "\n".join("| " + " | ".join(map(escape_markdown, line)) + " |" for line in lines)
