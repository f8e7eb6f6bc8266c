"""A comparison of two winners as text: a table, Markdown or JSON."""

import io
import json
from dataclasses import asdict

from reports.comparison import Comparison, Side
from reports.json_text import printable_json
from reports.rendering import escape_markdown
from reports.wording import NONE, interval, percent, printable

__all__ = ["FORMATS", "render_comparison"]

FORMATS = ("table", "json", "markdown")
"""What `--format` takes."""


def render_comparison(found: Comparison, format: str = "table", *, width: int = 80) -> str:
    """Write a comparison as text that ends with a newline.

    Args:
        found: The comparison.
        format: table, json or markdown.
        width: Characters on a line, for the table.
    """
    if format == "json":
        text = json.dumps(asdict(found), indent=2, ensure_ascii=False, allow_nan=False)
        return printable_json(text) + "\n"
    return _markdown(found) if format == "markdown" else _table(found, width)


def _lines(found: Comparison) -> list[tuple[str, str, str]]:
    """What the two are, one thing a line."""

    def line(name: str, values: tuple[str, str]) -> tuple[str, str, str]:
        return name, *values

    both = (found.first, found.second)
    first, second = both
    lines = [
        line("winner", (_winner(first), _winner(second))),
        line("best of", (_trials(first), _trials(second))),
        line(f"right, {found.part}", (_accuracy(first), _accuracy(second))),
        line("right alone", (_alone(first), _alone(second))),
    ]
    if any(side.val_accuracy_corrected is not None for side in both):
        lines.append(line("val acc corrected", (_corrected(first), _corrected(second))))
    return lines


def _sentences(found: Comparison) -> list[str]:
    low, high = _points(found.difference_low), _points(found.difference_high)
    by = "by file name" if found.matched_by == "file" else "by content"
    verdict = f"significant at {100 * found.alpha:g} %"
    if not found.significant:
        verdict = f"not {verdict}: the winners cannot be told apart by these images"
    return [
        f"On {found.images:,} {found.part} images that both runs had, matched {by}: second minus "
        f"first {_points(found.difference)} points (95 % interval {low} to {high}, paired "
        "bootstrap).",
        f"McNemar's exact test, two-sided: p = {found.p_value:.2g}, {verdict}. This test decides; "
        "the interval says how large the difference may be. The test counts each image for itself, "
        "the interval draws groups of copies as a whole.",
    ]


def _table(found: Comparison, width: int) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in ("", found.first.run, found.second.run):
        table.add_column(Text(printable(title)), overflow="fold")
    for line in _lines(found):
        table.add_row(*map(Text, line))
    with console.capture() as captured:
        console.print(table)
        for sentence in (*_sentences(found), *found.warnings):
            console.print()
            console.print(Text(printable(sentence)))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _markdown(found: Comparison) -> str:
    header = ("", found.first.run, found.second.run)
    lines = [header, (":--",) * 3, *_lines(found)]
    table = "".join("| " + " | ".join(map(escape_markdown, line)) + " |\n" for line in lines)
    told = "".join(f"\n{escape_markdown(sentence)}\n" for sentence in _sentences(found))
    return table + told + "".join(f"\n> {escape_markdown(one)}\n" for one in found.warnings)


def _winner(side: Side) -> str:
    return f"{side.model}, {side.trial_id}"


def _trials(side: Side) -> str:
    return f"{side.chosen_from:,} ranked row{'' if side.chosen_from == 1 else 's'}"


def _accuracy(side: Side) -> str:
    bounds = interval(side.accuracy_low, side.accuracy_high)
    return f"{percent(side.accuracy)} % [{bounds}]"


def _alone(side: Side) -> str:
    return f"{side.right_alone:,} image{'' if side.right_alone == 1 else 's'}"


def _corrected(side: Side) -> str:
    corrected = side.val_accuracy_corrected
    return NONE if corrected is None else f"{percent(corrected)} %"


def _points(share: float) -> str:
    """Percentage points with their sign; no minus before a zero."""
    points = round(100 * share, 1) + 0.0
    return f"{points:+.1f}" if points else "0.0"
