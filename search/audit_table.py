"""An audit as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports.wording import printable

__all__ = ["audit_table"]

_LISTED = 5  # files, pairs or sizes named of each kind; audit.json has all of them
_PARTS = ("all", "train", "validation", "test")


def audit_table(audit: Mapping[str, Any], root: str) -> RenderableType:
    """Lays out images by part and class, the findings, and the first files of each kind.

    Args:
        audit: As `scans.audit` gives it.
        root: The data folder.
    """
    facts = _facts(audit, root)
    if not audit["findings"]:
        return Group(facts, Text(), _counts(audit), Text(), Text("No findings.", style="bold"))
    examples = _examples(audit)
    return Group(facts, Text(), _counts(audit), Text(), _findings(audit), *examples)


def _facts(audit: Mapping[str, Any], root: str) -> Table:
    synthetic = "; SYNTHETIC" if audit["synthetic"] else ""
    known = audit["known_set"]
    told = {
        "folder": root,
        "images": f"{audit['images']:,}{synthetic}",
        "pictures": f"{audit['unique']:,} of different pixels, {audit['groups']:,} when "
        "near-duplicates count as one",
        "sizes": _sizes(audit["sizes"]),
        "modes": _counted(audit["modes"]),
        "formats": _counted(audit["formats"]),
        "fingerprint": audit["fingerprint"][:16],
    }
    if known is not None and known["verdict"] == "recognised":
        told["known as"] = known["name"]
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in told.items():
        table.add_row(name, _text(value))
    return table


def _text(text: str) -> Text:
    # Names of files and classes come from a folder that others wrote.
    return Text(printable(text), overflow="fold")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _sizes(sizes: list[dict[str, int]]) -> str:
    listed = ", ".join(
        f"{size['width']} x {size['height']} ({size['images']:,})" for size in sizes[:_LISTED]
    )
    more = len(sizes) - _LISTED
    return f"{listed} and {more:,} further sizes" if more > 0 else listed


def _counts(audit: Mapping[str, Any]) -> Table:
    """Images by class and part, and how many of the test part are known from the others."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("class")
    parts = sorted(audit["classes"], key=_PARTS.index)
    for part in parts:
        table.add_column(part, justify="right")
    exact, near = audit["test_images_with_exact_twin"], audit["test_images_with_near_twin_only"]
    if exact:
        table.add_column("of these known exactly", justify="right")
        table.add_column("or nearly", justify="right")
    for label in next(iter(audit["classes"].values())):
        cells = [f"{audit['classes'][part].get(label, 0):,}" for part in parts]
        if exact:
            cells += [f"{exact.get(label, 0):,}", f"{near.get(label, 0):,}"]
        table.add_row(_text(label), *cells)
    return table


def _findings(audit: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    for finding in audit["findings"]:
        table.add_row("-", _text(finding["sentence"]))
    return Group(Text("Findings", style="bold"), Padding(table, (0, 0, 0, 2)))


def _examples(audit: Mapping[str, Any]) -> Iterable[RenderableType]:
    """The first files or pairs of each kind."""
    named = {
        "unreadable": [f"{one['file']}: {one['reason']}" for one in audit["unreadable_files"]],
        "same picture, two classes": [" = ".join(pair) for pair in audit["label_conflicts"]],
        "near twins, two classes": [" ~ ".join(pair) for pair in audit["near_label_conflicts"]],
        "exact twins across parts": [
            " = ".join(pair) for pair in audit["exact_twins_across_parts"]
        ],
        "near twins across parts": [" ~ ".join(pair) for pair in audit["near_twins_across_parts"]],
        "copies within a part": [" = ".join(pair) for pair in audit["exact_twins_within_parts"]],
        "odd": [f"{one['file']}: {one['what']}" for one in audit["odd"]],
        "misleading ending": [
            f"{one['file']}: holds {one['format']}" for one in audit["wrong_endings"]
        ],
    }
    for kind, entries in named.items():
        if entries:
            shown = f"the first {_LISTED}" if len(entries) > _LISTED else "all"
            yield Text(f"\n{kind} ({shown})", "bold")
            yield from (Padding(_text(entry), (0, 0, 0, 2)) for entry in entries[:_LISTED])
