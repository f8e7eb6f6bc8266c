"""`neurosweep weights stage DIR`: pretrained weights in a folder, for machines without internet."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import WeightsError

if TYPE_CHECKING:
    from search.staging.filling import Filled, Staged
    from spaces import BackboneRecord

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "put pretrained weights into a folder, for machines without internet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    stage = kinds.add_parser(
        "stage", help="fill a folder with weight files; files that are whole are kept"
    )
    stage.add_argument("folder", type=Path, metavar="DIR", help="the folder to fill")
    stage.add_argument(
        "--backbones", nargs="+", metavar="NAME", help="these only; default: all of the roster"
    )
    stage.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="DIR2",
        help="copy from this folder instead of downloading",
    )
    stage.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Fills the folder, prints what is in it, and raises for what could not be had."""
    from search.staging.filling import fill

    folder = options.folder.expanduser().absolute()
    source = None if options.source is None else options.source.expanduser().absolute()
    filled = fill(folder, _records(options.backbones), source=source, say=_say)
    print(json.dumps(_described(filled), indent=2) if options.format == "json" else _table(filled))
    if filled.lacking:
        sys.stdout.flush()
        raise WeightsError(_lacking_message(filled))
    return 0


def _records(names: list[str] | None) -> list[BackboneRecord]:
    from spaces import BACKBONES
    from spaces.scope import unknown_name

    if names is None:
        return [record for record in BACKBONES.values() if record.in_roster]
    for name in names:
        if name not in BACKBONES:
            raise unknown_name("backbone", name, BACKBONES, where="--backbones")
    return [BACKBONES[name] for name in dict.fromkeys(names)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _described(filled: Filled) -> dict[str, Any]:
    return {
        "folder": str(filled.folder),
        "files": [
            {
                "file": one.path.name,
                "backbone": one.record.name,
                "bytes": one.bytes,
                "sha256": one.sha256,
                "state": one.state,
                "reason": one.reason,
                "url": one.record.weights_url,
            }
            for one in filled.files
        ],
    }


def _table(filled: Filled) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("file", "backbone", "size", "state"):
        table.add_column(name, no_wrap=name != "file", overflow="fold")
    for one in filled.files:
        table.add_row(*map(Text, (one.path.name, one.record.name, _size(one), one.state)))
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)  # a file or a pipe has no width; a name stays whole
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([*lines, _total(filled)])


def _total(filled: Filled) -> str:
    whole = len(filled.files) - len(filled.lacking)
    return f"{whole} of {len(filled.files)} files are whole in {filled.folder}"


def _size(one: Staged) -> str:
    from rich.filesize import decimal

    return "" if one.bytes is None else decimal(one.bytes)


def _lacking_message(filled: Filled) -> str:
    lacking = filled.lacking
    files = "\n".join(
        f"  {one.path.name}  from {one.record.weights_url}  (about {one.record.weights_mib} MiB)\n"
        f"    {one.state}: {one.reason}"
        for one in lacking
    )
    return (
        f"Every file must be whole; {len(lacking)} of {len(filled.files)} are not in "
        f"{filled.folder}:\n{files}\n"
        "Without internet, get them on another machine from these addresses, put them into that "
        "folder under these names, and give the same command again: it keeps what is whole, and "
        "adopts what you put there. Delete first what is whole but not the right file, or name it "
        "in weights.json if it holds weights of your own."
    )
