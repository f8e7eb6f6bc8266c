"""The command line: finds the command, runs it, and turns errors into a message and an exit code.

Exit codes: 0 done, 1 our own or the infrastructure's failure, 2 wrong use or bad input, 3 the
search ended and no trial succeeded, 4 findings under `audit --strict`, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from neurosweep import __version__
from neurosweep.errors import NeurosweepError
from search.commands import (
    audit,
    cache,
    cluster,
    compare,
    data,
    export,
    fetch,
    leaderboard,
    predict,
    report,
    rerun,
    runs,
    search,
    spaces,
    status,
    stop,
    submit,
    weights,
)

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM: the run can be resumed."""

_COMMANDS: dict[str, ModuleType] = {
    "search": search,
    "status": status,
    "stop": stop,
    "submit": submit,
    "runs": runs,
    "leaderboard": leaderboard,
    "compare": compare,
    "report": report,
    "rerun": rerun,
    "predict": predict,
    "export": export,
    "fetch": fetch,
    "spaces": spaces,
    "data": data,
    "audit": audit,
    "cache": cache,
    "weights": weights,
    "cluster": cluster,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: The words after the program's name; None for those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal cannot write
    options = _parser().parse_args(arguments)
    try:
        code = int(_COMMANDS[options.command].run(options))
        sys.stdout.flush()
    except NeurosweepError as error:
        print(f"neurosweep: {_printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("neurosweep: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` say, has seen enough: nothing is wrong, and nobody is to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _printable(message: str) -> str:
    """Keep what file names hold from moving the cursor; lines stay lines."""
    from reports.wording import printable

    return "\n".join(printable(line) for line in message.split("\n"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neurosweep",
        description="Distributed hyperparameter search for Keras image classifiers.",
    )
    parser.add_argument("--version", action="version", version=f"neurosweep {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = str(module.SUMMARY)
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
    return parser
