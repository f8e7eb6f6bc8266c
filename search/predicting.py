"""Runs the winner of a run over image files, on this machine, without Ray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scans
import trainables
from neurosweep.errors import DataError
from search.runs.winner_folder import winner_folder

__all__ = ["predict_files"]

_IMAGES_AT_ONCE = 256


def predict_files(
    run: Path, files: Sequence[Path], *, named: str | None = None
) -> list[dict[str, Any]]:
    """Returns per file its name, class and the probability of each class, in the order given.

    Args:
        run: The run directory.
        files: The images.
        named: How the user named the run, for messages; None for its folder.

    Raises:
        RunDirectoryError: if the run has no winner yet.
        DataError: if a file cannot be read as an image; it names all such files.
    """
    folder = winner_folder(run, named=named)
    trainables.start(trainables.Runtime(threads=os.cpu_count() or 1))
    winner = trainables.load_winner(folder)
    rows: list[dict[str, Any]] = []
    for start in range(0, len(files), _IMAGES_AT_ONCE):
        chunk = files[start : start + _IMAGES_AT_ONCE]
        probabilities = trainables.predict(winner, _read(chunk))
        for file, row in zip(chunk, probabilities, strict=True):
            shares = {name: float(share) for name, share in zip(winner.classes, row, strict=True)}
            rows.append({"file": str(file), "class": max(shares, key=shares.__getitem__), **shares})
    return rows


def _read(files: Sequence[Path]) -> list[Any]:
    images, wrong = [], []
    for file in files:
        try:
            images.append(scans.decode(file, image_size=None, color="rgb"))
        except DataError as error:
            wrong.append(f"  {error}")
    if wrong:
        raise DataError("\n".join([f"{len(wrong)} files cannot be read as images:", *wrong]))
    return images
