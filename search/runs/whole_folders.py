"""A folder of a run directory, replaced as a whole: its files belong together."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from search.files.storage_errors import storage_errors
from search.runs.run_directory import RunDirectory

__all__ = ["replace_folder"]


def replace_folder(run: RunDirectory, name: str, files: Mapping[str, bytes]) -> None:
    """Puts a new folder in the old one's place, so that nobody meets files of both.

    Args:
        run: The run directory.
        name: The folder, directly below it.
        files: Contents by name.

    Raises:
        NeurosweepError: If it cannot be written; what was there before still is.
    """
    folder, aside, old = (run.path / one for one in (name, f".{name}-new", f".{name}-old"))
    for leftover in (aside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for file, content in files.items():
        run.write(f"{aside.name}/{file}", content)
    with storage_errors(folder):
        if folder.exists():
            folder.rename(old)
        aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
