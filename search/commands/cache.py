"""`neurosweep cache`: what runs have left in this machine's cache, and how to be rid of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import UserError

if TYPE_CHECKING:
    from scans.caches.stored import Stored

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "list or clear the decoded images, features and fetched files of this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = kinds.add_parser("list", help="show what the cache folder holds")
    listing.add_argument("--format", choices=("table", "json"), default="table")
    clearing = kinds.add_parser(
        "clear", help="delete all but the phantom data; it is made again when needed"
    )
    clearing.add_argument("keys", nargs="*", metavar="KEY", help="these only, as `list` has them")
    clearing.add_argument("--all", action="store_true", help="the phantom data, too")


def run(options: argparse.Namespace) -> int:
    """Lists or clears the cache folder of this user and machine."""
    from scans.caches.decoded import default_cache

    folder = default_cache()
    if options.action == "clear":
        return _clear(folder, options.keys, everything=options.all)
    return _list(folder, options.format)


def _list(folder: Path, form: str) -> int:
    from scans.caches.stored import list_stored

    stored = list_stored(folder)
    total = sum(one.size for one in stored)
    if form == "json":
        found = {"folder": str(folder), "bytes": total, "stored": [_record(one) for one in stored]}
        print(json.dumps(found, indent=2))
        return 0
    if stored:
        print(_table(stored))
    print(f"{_bytes(total)} in {folder}")
    return 0


def _clear(folder: Path, keys: list[str], *, everything: bool) -> int:
    from scans.caches.stored import clear_stored

    if keys and everything:
        raise UserError("--all clears everything and takes no KEY; leave out one of the two")
    cleared = clear_stored(folder, keys, everything=everything)
    for one in cleared.removed:
        print(f"removed {one.kind} {one.key}: {_bytes(one.size)}")
    for one, reason in cleared.kept:
        print(f"left    {one.kind} {one.key}: {_printable(reason)}")
    print(f"{_bytes(sum(one.size for one in cleared.removed))} freed in {folder}")
    return 0


def _record(one: Stored) -> dict[str, Any]:
    """What JSON says of one thing."""
    return {
        "key": one.key,
        "kind": one.kind,
        "root": one.root,
        "images": one.images,
        "image_size": one.image_size,
        "color": one.color,
        "bytes": one.size,
        "last_used": one.last_used.isoformat(timespec="seconds"),
        "complete": one.complete,
    }


def _table(stored: list[Stored]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("kind", "data folder", "images", "size", "bytes", "last used", "key"):
        table.add_column(name, no_wrap=name == "key", overflow="fold")
    for one in stored:
        table.add_row(*[Text(_printable(cell)) for cell in _cells(one)])
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)  # a file or a pipe has no width; a path stays whole
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _cells(one: Stored) -> list[str]:
    size = "" if one.image_size is None else f"{one.image_size} px {one.color or ''}".rstrip()
    return [
        one.kind if one.complete else f"{one.kind}, unfinished",
        one.root or "",
        "" if one.images is None else f"{one.images:,}",
        size,
        _bytes(one.size),
        f"{one.last_used.astimezone():%Y-%m-%d %H:%M}",
        one.key,
    ]


def _bytes(number: int) -> str:
    from rich.filesize import decimal

    return decimal(number)


def _printable(text: str) -> str:
    """Without what would steer a terminal: names of folders may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
