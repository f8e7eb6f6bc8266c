"""A word of the command line that names a run here, or a cluster that has one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from neurosweep.errors import UserError
from search.files.uris import is_uri

__all__ = ["ClusterFile", "add_choice", "refuse_choice", "run_or_cluster"]

_Run = TypeVar("_Run")


@dataclass(frozen=True)
class ClusterFile:
    """A cluster, named by the file that `ray up` takes."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


def run_or_cluster(run: Callable[[str], _Run]) -> Callable[[str], _Run | ClusterFile]:
    """Returns what reads the word: a file ending in .yaml or .yml is a cluster's.

    Args:
        run: Reads every other word.
    """

    def read(text: str) -> _Run | ClusterFile:
        path = Path(text)
        if path.suffix in (".yaml", ".yml") and not is_uri(text) and not path.is_dir():
            return ClusterFile(path)
        return run(text)

    return read


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Declares the option that tells several searches on one cluster apart."""
    parser.add_argument(
        "--output",
        metavar="RUN",
        help="of a cluster's searches, the one submitted with this output; else the newest",
    )


def refuse_choice(options: argparse.Namespace) -> None:
    """Refuses that option for a run, which is one alone.

    Raises:
        UserError: It was given.
    """
    if options.output is not None:
        raise UserError(
            "--output tells the searches on a cluster apart, named by its CLUSTER.yaml; received "
            f"a run, {options.run}, and --output {options.output}: leave --output out"
        )
