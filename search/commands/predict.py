"""`neurosweep predict`: classes and probabilities of images by a run's winner."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import reports
from neurosweep.errors import DataError, UserError
from reports.json_text import printable_json
from search.quiet_start import load_tensorflow
from search.runs.output import RUN_HELP, parse_output

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "classify images with the winner of a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("run", type=parse_output, metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE|FOLDER", help="images, or folders of them"
    )
    parser.add_argument("--format", choices=("table", "csv", "json", "parquet"), default="table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead")


def run(options: argparse.Namespace) -> int:
    """Prints or writes one row per image."""
    if options.format == "parquet" and options.output is None:
        raise DataError("--format parquet writes a file; name it with --output FILE")
    from search.runs.reading import WINNER, at_hand

    files = _files(options.images)
    run = at_hand(options.run, WINNER)
    reports.read_run(run)  # what is no run is told before anything heavy is loaded
    load_tensorflow()
    from search.predicting import predict_files

    rows = predict_files(run, files, named=str(options.run))
    try:
        _write(rows, options.format, options.output)
    except OSError as error:
        raise UserError(
            f"{options.output} could not be written ({error.strerror}); name another --output"
        ) from None
    return 0


def _files(given: Sequence[Path]) -> list[Path]:
    """The images named, and those below the folders named, in a fixed order.

    Raises:
        DataError: if one is not there, or there are none.
    """
    from scans.pictures.formats import ENDINGS

    files: list[Path] = []
    for path in given:
        if path.is_dir():
            below = sorted(path.rglob("*"))
            files += [file for file in below if file.suffix.lower() in ENDINGS and file.is_file()]
        elif path.is_file():
            files.append(path)
        else:
            raise DataError(f"there is no image or folder {path}; name one that exists")
    if not files:
        raise DataError(
            f"no image in {', '.join(str(path) for path in given)}; images end in "
            f"{', '.join(ENDINGS)}"
        )
    return files


def _write(rows: list[dict[str, Any]], form: str, output: Path | None) -> None:
    if form == "parquet" and output is not None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), output)
        return
    text = {"json": _json, "csv": _csv, "table": _table}[form](rows)
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")


def _json(rows: list[dict[str, Any]]) -> str:
    return printable_json(json.dumps(rows, indent=2, ensure_ascii=False)) + "\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _table(rows: list[dict[str, Any]]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(Text(name), overflow="fold", no_wrap=name != "file")
    for row in rows:
        cells = (f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values())
        table.add_row(*[Text(cell) for cell in cells])
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)  # a file or a pipe has no width; a path stays whole
    with console.capture() as capture:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
