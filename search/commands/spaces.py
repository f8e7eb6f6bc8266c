"""`neurosweep spaces`: what can be varied, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from search.quiet_start import load_tensorflow

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show the hyperparameters of all families"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        metavar="EXPERIMENT.yaml",
        help="show the space of this experiment instead of the default ranges",
    )
    parser.add_argument("--family", metavar="F", help="one family only")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the space."""
    load_tensorflow()
    import spaces
    from scans.phantom import PHANTOM_CLASSES
    from search.books.assignment import Plan
    from search.experiment import Experiment
    from search.experiment_file import load_experiment

    given = options.experiment
    experiment = Experiment() if given is None else load_experiment(given)
    space = Plan(experiment=experiment, classes=PHANTOM_CLASSES).space()
    rows = [row for row in spaces.describe(space) if _shown(row, options.family)]
    print(json.dumps(rows, indent=2) if options.format == "json" else _table(rows))
    return 0


def _shown(row: dict[str, Any], family: str | None) -> bool:
    scope = str(row["name"]).partition("/")[0]
    return family is None or scope in (family, "training", "family")


def _table(rows: list[dict[str, Any]]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*[Text("" if value is None else str(value)) for value in row.values()])
    console = Console()
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()
