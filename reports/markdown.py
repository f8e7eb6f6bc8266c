"""The report as Markdown: the summary and the leaderboard."""

from collections.abc import Sequence
from pathlib import Path

from reports.files import replace_text
from reports.leaderboard import LeaderboardRow
from reports.rendering import escape_markdown, render_rows
from reports.run import Run
from reports.summary import summarise

__all__ = ["render_markdown_report", "write_markdown_report"]


def write_markdown_report(run: Run, rows: Sequence[LeaderboardRow], path: Path) -> None:
    """Write the report as Markdown; the file appears whole or not at all."""
    replace_text(path, render_markdown_report(run, rows))


def render_markdown_report(run: Run, rows: Sequence[LeaderboardRow]) -> str:
    """Write the summary and the leaderboard as GitHub's Markdown, ending with a newline."""
    summary = summarise(run, rows)
    parts = [f"# {escape_markdown(run.name)}"]
    parts += [f"> **{escape_markdown(warning)}**" for warning in summary.warnings]
    parts.append(f"**{escape_markdown(summary.headline)}**")
    facts = [
        f"- {fact.name}: **{escape_markdown(fact.value)}** {escape_markdown(fact.detail)}".rstrip()
        for fact in summary.facts
    ]
    parts.append("\n".join(facts))
    parts += [escape_markdown(sentence) for sentence in summary.sentences]
    if summary.rerun:
        # Indented code: a name with backticks in it cannot end the block.
        parts.append(f"Train it again:\n\n    {summary.rerun}")
    parts.append("## Leaderboard")
    parts.append(render_rows(rows, format="markdown").rstrip() if rows else "No row yet.")
    return "\n\n".join(parts) + "\n"
