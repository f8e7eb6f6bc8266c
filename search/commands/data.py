"""`neurosweep data phantom|fetch DIR`: writes the synthetic images, or gets the Kaggle set."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "make or get data to search on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    phantom = kinds.add_parser("phantom", help="write synthetic brain slices with lesions")
    phantom.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    phantom.add_argument("--images", type=int, default=1600, metavar="N")
    phantom.add_argument("--size", type=int, default=224, metavar="PIXELS")
    phantom.add_argument("--seed", type=int, default=0, metavar="N")
    fetch = kinds.add_parser("fetch", help="get the Kaggle set of 7,023 brain slices")
    fetch.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")


def run(options: argparse.Namespace) -> int:
    """Writes the folder and prints it."""
    if options.kind == "fetch":
        from scans.files.fetch import fetch

        fetch(options.folder)
    else:
        _write_phantom(options)
    print(options.folder)
    return 0


def _write_phantom(options: argparse.Namespace) -> None:
    import scans

    scans.write_phantom(options.folder, images=options.images, size=options.size, seed=options.seed)
