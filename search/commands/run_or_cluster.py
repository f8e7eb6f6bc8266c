"""A word of the command line that names a run here, or a cluster that has one."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from search.runs.output import local_run

__all__ = ["ClusterFile", "add_choice", "run_or_cluster"]


@dataclass(frozen=True)
class ClusterFile:
    """A cluster, named by the file that `ray up` takes."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


def run_or_cluster(text: str) -> Path | ClusterFile:
    """Reads the word: a file ending in .yaml or .yml is a cluster's.

    Raises:
        argparse.ArgumentTypeError: It is a URI.
    """
    path = Path(text)
    if path.suffix in (".yaml", ".yml") and not path.is_dir():
        return ClusterFile(path)
    return local_run(text)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Declares the option that tells several searches on one cluster apart."""
    parser.add_argument(
        "--output",
        metavar="RUN",
        help="of a cluster's searches, the one submitted with this output; else the newest",
    )
