"""`neurosweep status`: how a run stands, from any shell that sees its directory."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import UserError
from reports.json_text import printable_json
from search.commands.run_or_cluster import ClusterFile, add_choice, refuse_choice, run_or_cluster
from search.runs.output import RUN_HELP, RunUri, parse_output
from search.submission.last_words import last_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from search.following.run_status import RunStatus

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "show how a run stands, also while it goes on"

_WIDTH_OF_A_FILE = 200  # signs a line may have where no terminal limits it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run",
        type=run_or_cluster(parse_output),
        metavar="RUN|CLUSTER.yaml",
        help=f"{RUN_HELP}, or the file of a cluster that a search was submitted to",
    )
    add_choice(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=2.0,
        metavar="SECONDS",
        help="show it again every few seconds until the run ends, in a terminal",
    )


def run(options: argparse.Namespace) -> int:
    """Prints how the run stands, once or until it ends."""
    from rich.console import Console

    console = Console()
    if options.watch is not None:
        _refuse_unwatchable(options, console)
    if isinstance(options.run, ClusterFile):
        return _of_cluster(options, console)
    refuse_choice(options)
    if options.watch is not None:
        return _watch(options, console)
    status = _read(options.run)
    if options.format == "json":
        print(printable_json(json.dumps(status.to_dict(), indent=2, ensure_ascii=False)))
        return 0
    from search.following.drawing import draw_status

    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    console.print(draw_status(status, width=console.width), soft_wrap=not console.is_terminal)
    return 0


def _read(run: Path | RunUri) -> RunStatus:
    from search.following.run_status import read_mirrored_status, read_status

    return read_status(run) if isinstance(run, Path) else read_mirrored_status(run)


def _of_cluster(options: argparse.Namespace, console: Console) -> int:
    """How the newest search on a cluster stands: live in a terminal, else once."""
    from search.submission.head import Head

    head, width = Head(options.run.path), console.width if console.is_terminal else _WIDTH_OF_A_FILE
    told = head.ask("status", output=options.output or "", width=width)
    if options.format == "json":
        print(printable_json(json.dumps(told, indent=2, ensure_ascii=False)))
    elif console.is_terminal and told.get("status", {}).get("state") == "running":
        return head.show(["status", told["run"], "--watch", f"{options.watch or 2.0:g}"])
    else:
        print(_as_text(told))
    return 0


def _as_text(told: dict[str, Any]) -> str:
    """A job, how its run stands, and the last words of a job that failed."""
    first = f"{told['job']} on the cluster: {told['state'].lower()}, output {told['output']}"
    parts = [first, told.get("text", "").rstrip(), last_words(told)]
    return "\n".join(part for part in parts if part)


def _refuse_unwatchable(options: argparse.Namespace, console: Console) -> None:
    if options.format == "json" or not console.is_terminal:
        raise UserError(
            "--watch redraws a table in a terminal; received "
            f"{'--format json' if options.format == 'json' else 'a file or pipe to write to'}: "
            "leave out --watch, and call `neurosweep status` again when you want to know"
        )


def _watch(options: argparse.Namespace, console: Console) -> int:
    from rich.live import Live

    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        _redraw(options.run, options.watch, live)
    return 0


def _redraw(run: Path | RunUri, seconds: float, live: Live) -> None:
    """Draws how the run stands until it has ended."""
    from search.following.drawing import draw_status

    while True:
        status, size = _read(run), live.console.size
        drawn = draw_status(status, width=size.width, height=size.height - 1)
        live.update(drawn, refresh=True)
        if not status.running:
            return
        time.sleep(seconds)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(
            f"a number of seconds from 0.1 to 86400, such as 5; received {text!r}"
        )
    return seconds
