"""`neurosweep export`: the winner of a run in a format that other programs run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import reports
from neurosweep.errors import UserError
from neurosweep.extras import install_extra
from reports.json_text import printable_json
from search.quiet_start import load_tensorflow
from search.runs.output import RUN_HELP, parse_output
from trainables.exporting.formats import FORMATS, Format, format_named, require

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "write the winner of a run for Keras, TensorFlow, ONNX or TFLite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("run", type=parse_output, metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format",
        type=_format,
        required=True,
        metavar="|".join(FORMATS),
        help=f"what to write; onnx and tflite need `{install_extra('export')}`",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="a new or empty folder; without it, exports/FORMAT in the run",
    )
    parser.add_argument("--force", action="store_true", help="replace an earlier export there")
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        metavar="D",
        help="how far a probability may be from model.keras' (default: "
        + ", ".join(f"{each.name} {each.tolerance:g}" for each in FORMATS.values())
        + ")",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(options: argparse.Namespace) -> int:
    """Writes the export and prints where it is and how it compares."""
    from search.runs.reading import WINNER, at_hand
    from search.runs.winner_folder import winner_folder

    require(options.format)
    path = at_hand(options.run, WINNER)
    reports.read_run(path)  # what is no run is told before anything heavy is loaded
    winner = winner_folder(path, named=str(options.run))
    folder = options.output or path / "exports" / options.format.name
    from search.exporting import export_winner_of, require_room

    require_room(folder, force=options.force)
    load_tensorflow()
    told = export_winner_of(path, winner, options.format, folder, tolerance=options.tolerance)
    as_json = printable_json(json.dumps(told, indent=2, ensure_ascii=False))
    print(as_json if options.json else _text(told))
    return 0


def _format(name: str) -> Format:
    try:
        return format_named(name)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"a tolerance is a number from 0 to 1; received {text!r}")
    return value


def _text(told: dict[str, Any]) -> str:
    compared = f"compared with model.keras on {told['images']} computed images"
    lines = [
        f"{told['bytes']:,} bytes; takes uint8 RGB images (n, height, width, 3) of any size",
        f"{compared} of {told['sizes']} sizes: probabilities differ by at most "
        f"{told['largest_difference']:.1e} (allowed: {told['tolerance']:g})",
    ]
    if told["synthetic"]:
        lines.append("trained on synthetic data: computed phantoms, not patients")
    if told["weights"] == "random":
        lines.append("its backbone's weights are random")
    return "\n".join([*lines, told["path"]])
