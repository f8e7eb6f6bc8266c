"""`neurosweep audit`: what is wrong with a data folder, before anything is trained on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from neurosweep.errors import UserError
from reports.json_text import printable_json
from search.runs.output import parse_data

__all__ = ["FINDINGS", "SUMMARY", "add_arguments", "run"]

SUMMARY = "find copies, leaks and faults in a data folder"

FINDINGS = 4
"""Exit code under --strict where there is a finding."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "data",
        type=parse_data,
        metavar="DATA",
        help="a folder of images, or s3://BUCKET/IMAGES to bring them from there",
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a CSV of file,label")
    parser.add_argument("--groups", type=Path, metavar="FILE", help="a CSV of file,group")
    parser.add_argument("--strict", action="store_true", help="exit with 4 if there are findings")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the audit goes (default: audit.json)"
    )


def run(options: argparse.Namespace) -> int:
    """Prints what was found and writes all of it."""
    import scans
    from search.staging.images import have_images

    root = have_images(options.data)
    manifest = scans.read_manifest(root, labels=options.labels, cache=scans.default_cache())
    copies = scans.find_copies(manifest, cache=scans.default_cache())
    groups_file = scans.groups_file_of(manifest, options.groups)
    groups = None if groups_file is None else scans.group_images(manifest, copies, groups_file)
    found = scans.audit(manifest, copies, groups)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    output = options.output or (Path("audit.json") if options.format == "table" else None)
    if output is not None:
        _write(output, text)
    if options.format == "json":
        print(printable_json(text), end="")
    else:
        _print_table(found, _named(options.data), str(output))
    return FINDINGS if options.strict and found["findings"] else 0


def _named(data: Path | str) -> str:
    return data if isinstance(data, str) else str(data.expanduser().absolute())


def _write(output: Path, text: str) -> None:
    import scans

    if (output.absolute().parent / "run.yaml").exists():
        raise UserError(
            f"{output} would take the place of a run's own audit; name another --output"
        )
    try:
        scans.write_whole(output.absolute(), text.encode("utf-8"))
    except OSError as error:
        raise UserError(
            f"{output} could not be written ({error.strerror}); name another --output"
        ) from None


def _print_table(found: dict[str, Any], root: str, output: str) -> None:
    from rich.console import Console

    from search.audit_table import audit_table

    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    console.print(audit_table(found, root))
    console.print(f"\nall of it, file by file: {output}", highlight=False, markup=False)
